// The fifth step: the user types a name and chooses a picture, which is uploaded, saved, and checked by WeChat.

import { Button } from "@graphiql/react";
import type { ChangeEvent } from "react";
import { inLanguage } from "../language";
import { faceOf, wechat } from "../simulator";
import { useOperations } from "./operations";
import { addressHere, usePicture } from "./picture";
import { attempt, back, type Chosen, report, usePhone, useSignedIn, well, wrong } from "./state";
import { Region, Send, Step } from "./step";
import { upload as uploadPicture } from "./upload";

export function OwnProfile() {
  const { typedName, chosen, upload, outcomes } = usePhone();
  const isSignedIn = useSignedIn();
  const { fill, send } = useOperations();
  const avatar = upload?.body.avatar;

  async function sendPicture({ file }: Chosen) {
    usePhone.setState({ upload: null });
    report("profile", undefined);
    const answer = await uploadPicture(file);
    // Another may have been chosen in the meantime.
    if (usePhone.getState().chosen?.file !== file) return;
    usePhone.setState({ upload: answer });
    if (answer.body.avatar) fill("UpdateProfile", { avatar: answer.body.avatar });
  }

  function save() {
    // What is undefined is taken out of Variables.
    fill("UpdateProfile", { nickName: typedName.trim() || undefined, avatar });
    return send("UpdateProfile");
  }

  return (
    <Step title={inLanguage("Fill in name and picture", "填写昵称和头像")} outcome={outcomes.profile}>
      <p>
        {inLanguage(
          "A user types the one and chooses the other. WeChat refuses the red picture and a name with “risky” in it; " +
            "the yellow one it doubts.",
          "昵称由用户输入，头像由用户选择。微信会拒绝红色头像和含“risky”的昵称；对黄色头像存疑。",
        )}
      </p>
      <label>
        {inLanguage("Nickname", "昵称")}
        <input value={typedName} onChange={({ target }) => usePhone.setState({ typedName: target.value })} />
      </label>
      <Pictures />
      <p>
        {inLanguage(
          "The picture goes by wx.uploadFile, and stays for an hour unless it is saved.",
          "头像通过 wx.uploadFile 上传，不保存的话一小时后删除。",
        )}
      </p>
      <div className="phone-act">
        <Button
          type="button"
          className="phone-send"
          disabled={!chosen || !isSignedIn}
          onClick={() => chosen && attempt("profile", () => sendPicture(chosen))}
        >
          ▶ POST /uploads/avatar
        </Button>
        <span>{avatar && inLanguage("The avatar is in Variables.", "avatar 已填入 Variables。")}</span>
      </div>
      {upload && (
        <pre role="group" aria-label={inLanguage("Answer to the upload", "上传的响应")}>
          {upload.status} {JSON.stringify(upload.body, null, 1)}
        </pre>
      )}
      <p>
        {inLanguage(
          "The server has WeChat check both: the name at once, and the picture in a while.",
          "服务器请微信检查两者：昵称立即检查，头像稍后出结果。",
        )}
      </p>
      <Send operation="UpdateProfile" onClick={save} disabled={!typedName.trim() && !avatar} />
      <CheckOfPicture />
    </Step>
  );
}

/** By their names in the simulator. */
const strangers = ["Zhou Yu", "Guo Jing", "Chen Bo"];
const meanings = ["red", "yellow"];

function meaningOf(face: string): string {
  if (face === "red") return inLanguage("red, which WeChat refuses", "红色，微信会拒绝");
  if (face === "yellow") return inLanguage("yellow, which WeChat doubts", "黄色，微信会存疑");
  return face;
}

/** Faces from the simulator, and a file of one's own. */
function Pictures() {
  const { user, app, chosen } = usePhone();
  const faces = [...new Set([user, ...strangers, ...meanings])];

  const choose = (next: Chosen | null) => {
    usePhone.setState({ chosen: next, upload: null });
    report("profile", undefined);
  };

  async function chooseFace(face: string) {
    // Until it is there, no other is to be uploaded in its place.
    choose(null);
    choose({ face, file: await wechat.chooseAvatar({ user, app }, face) });
  }

  function chooseFile({ target }: ChangeEvent<HTMLInputElement>) {
    const [file] = target.files ?? [];
    if (file) choose({ face: null, file });
  }

  return (
    <>
      <div className="phone-faces" role="group" aria-label={inLanguage("Picture", "头像")}>
        {faces.map((face) => (
          <button
            key={face}
            type="button"
            aria-label={inLanguage(`Face: ${meaningOf(face)}`, `头像：${meaningOf(face)}`)}
            title={meaningOf(face)}
            aria-pressed={chosen?.face === face}
            onClick={() => attempt("profile", () => chooseFace(face))}
          >
            <img src={faceOf(face)} alt="" width="36" height="36" />
          </button>
        ))}
      </div>
      <label>
        {inLanguage("or a file", "或选择文件")}
        <input type="file" accept="image/jpeg,image/png,image/webp" onChange={chooseFile} />
      </label>
    </>
  );
}

const verdicts = {
  CHECKING: back("WeChat has not decided yet.", "微信还没有结论。"),
  SHOWN: well("WeChat finds nothing wrong with it.", "微信没有发现问题。"),
  REVIEW: back("WeChat has doubts: an operator decides.", "微信存疑，由运营人员决定。"),
  REFUSED: wrong("WeChat refuses it: no more shown, and deleted.", "微信拒绝：不再显示，并已删除。"),
};

function CheckOfPicture() {
  const { states, url } = usePicture();
  const state = states.at(-1);
  const shown = url && addressHere(url);
  const verdict = state && verdicts[state];
  return (
    <Region news={state}>
      {verdict && (
        <div
          role="group"
          aria-label={inLanguage("Check of the picture", "头像检查")}
          className={`phone-check phone-outcome phone-${verdict.went}`}
        >
          {shown && (
            <img
              src={shown}
              alt={inLanguage("Your picture, as the server shows it", "服务器显示的你的头像")}
              width="64"
              height="64"
            />
          )}
          <p>
            <strong>{states.join(" → ")}</strong> {inLanguage(verdict.en, verdict.zh)}
          </p>
        </div>
      )}
    </Region>
  );
}
