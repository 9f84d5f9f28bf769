// The fifth step: the user types a name and chooses a picture, which is uploaded, saved, and checked by WeChat.

import { Button } from "@graphiql/react";
import { type ChangeEvent, useSyncExternalStore } from "react";
import { authorization } from "../headers";
import { useOperations } from "./operations";
import { addressHere, usePicture } from "./picture";
import { faceOf, wechat } from "./simulator";
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
      <p>
        A user types the one and chooses the other. WeChat refuses the red picture and a name with “risky” in it; the
        yellow one it doubts.
      </p>
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

/** By their names in the simulator. */
const strangers = ["Zhou Yu", "Guo Jing", "Chen Bo"];
const meanings = new Map([
  ["red", "red, which WeChat refuses"],
  ["yellow", "yellow, which WeChat doubts"],
]);

/** Faces from the simulator, and a file of one's own. */
function Pictures() {
  const { user, app, chosen } = usePhone();
  const faces = [...new Set([user, ...strangers, ...meanings.keys()])];

  const choose = (next: Chosen) => {
    usePhone.setState({ chosen: next, upload: null });
    report("profile", undefined);
  };

  async function chooseFace(face: string) {
    choose({ face, file: await wechat.chooseAvatar({ user, app }, face) });
  }

  function chooseFile({ target }: ChangeEvent<HTMLInputElement>) {
    const [file] = target.files ?? [];
    if (file) choose({ face: null, file });
  }

  return (
    <>
      <div className="phone-faces" role="group" aria-label="Picture">
        {faces.map((face) => (
          <button
            key={face}
            type="button"
            aria-label={`Face: ${meanings.get(face) ?? face}`}
            title={meanings.get(face) ?? face}
            aria-pressed={chosen?.face === face}
            onClick={() => attempt("profile", () => chooseFace(face))}
          >
            <img src={faceOf(face)} alt="" width="36" height="36" />
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
