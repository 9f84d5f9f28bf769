// The fifth step: the user types a name and chooses a picture, which is uploaded, saved, and checked by WeChat.

import { Button } from "@graphiql/react";
import { type ChangeEvent, useEffect, useState, useSyncExternalStore } from "react";
import { authorization } from "../headers";
import { useOperations } from "./operations";
import { addressHere, usePicture } from "./picture";
import { type Face, wechat } from "./simulator";
import { attempt, type Chosen, report, usePhone } from "./state";
import { Send, Step } from "./step";
import { upload as uploadPicture } from "./upload";

export function OwnProfile() {
  const { typedName, chosen, upload, outcomes } = usePhone();
  const isSignedIn = useSyncExternalStore(authorization.subscribe, authorization.get) !== null;
  const { fill, send } = useOperations();
  const avatar = upload?.body.avatar;

  async function sendPicture({ file }: Chosen) {
    usePhone.setState({ upload: null });
    report("profile", undefined);
    const answer = await uploadPicture(file);
    usePhone.setState({ upload: answer });
    if (answer.body.avatar) fill("UpdateProfile", { avatar: answer.body.avatar });
  }

  function save() {
    // What is undefined is taken out of Variables.
    fill("UpdateProfile", { nickName: typedName.trim() || undefined, avatar });
    return send("UpdateProfile");
  }

  return (
    <Step title="Fill in name and picture" outcome={outcomes.profile}>
      <p>A user types the name, and chooses the picture. Try “risky” as a part of the name.</p>
      <label>
        Nickname
        <input value={typedName} onChange={({ target }) => usePhone.setState({ typedName: target.value })} />
      </label>
      <Pictures />
      <p>The picture goes by wx.uploadFile, and stays for an hour unless it is saved.</p>
      <div className="phone-act">
        <Button
          type="button"
          className="phone-send"
          disabled={!chosen || !isSignedIn}
          onClick={() => chosen && attempt("profile", () => sendPicture(chosen))}
        >
          ▶ POST /uploads/avatar
        </Button>
        <span>{avatar && "The avatar is in Variables."}</span>
      </div>
      {upload && (
        <pre aria-label="Answer to the upload">
          {upload.status} {JSON.stringify(upload.body, null, 1)}
        </pre>
      )}
      <p>The server has WeChat check both: the name at once, and the picture in a while.</p>
      <Send operation="UpdateProfile" onClick={save} disabled={!typedName.trim() && !avatar} />
      <CheckOfPicture />
    </Step>
  );
}

/** WeChat's faces, and a file of one's own. */
function Pictures() {
  const { chosen } = usePhone();
  const [faces, setFaces] = useState<Face[]>([]);
  useEffect(() => void attempt("profile", async () => setFaces(await wechat.faces())), []);

  const choose = (next: Chosen) => usePhone.setState({ chosen: next, upload: null });

  async function chooseFace({ name, address }: Face) {
    const response = await fetch(address);
    choose({ name, src: address, file: await response.blob() });
  }

  function chooseFile({ target }: ChangeEvent<HTMLInputElement>) {
    const [file] = target.files ?? [];
    if (!file) return;
    const reader = new FileReader();
    reader.onload = () => choose({ name: file.name, src: String(reader.result), file });
    reader.readAsDataURL(file);
  }

  return (
    <>
      <div className="phone-faces" role="group" aria-label="Picture">
        {faces.map((face) => (
          <button
            key={face.name}
            type="button"
            aria-label={face.name}
            title={face.name}
            aria-pressed={chosen?.src === face.address}
            onClick={() => attempt("profile", () => chooseFace(face))}
          >
            <img src={face.address} alt="" width="40" height="40" />
          </button>
        ))}
      </div>
      <label>
        or a file
        <input type="file" accept="image/jpeg,image/png,image/webp" onChange={chooseFile} />
      </label>
    </>
  );
}

const verdicts = {
  CHECKING: { went: "back", text: "WeChat has not decided yet." },
  SHOWN: { went: "well", text: "WeChat finds nothing wrong with it." },
  REVIEW: { went: "back", text: "WeChat has doubts: an operator decides." },
  REFUSED: { went: "wrong", text: "WeChat refuses it: no more shown, and deleted." },
};

function CheckOfPicture() {
  const { states, url } = usePicture();
  const state = states.at(-1);
  if (!state) return null;
  const shown = url && addressHere(url);
  const { went, text } = verdicts[state];
  return (
    <div role="status" aria-label="Check of the picture" className={`phone-check phone-outcome phone-${went}`}>
      {shown && <img src={shown} alt="Your picture, as the server shows it" width="64" height="64" />}
      <p>
        <strong>{states.join(" → ")}</strong> {text}
      </p>
    </div>
  );
}
