// What WeChat asks its user: sheets from below, as it draws them, and a modal. One at a time.

import { type ReactNode, useEffect, useRef, useState } from "react";
import { create } from "zustand";
import { inLanguage } from "../language";
import { faceOf } from "../simulator";

type Sheet =
  | { kind: "profile" }
  | { kind: "settings"; granted: boolean }
  | { kind: "number"; number: string }
  | { kind: "avatar"; user: string }
  | { kind: "contract" }
  | { kind: "modal"; title?: string; content?: string; confirmText?: string; cancelText?: string; showCancel?: boolean };

/** null: dismissed; a text is the name of a made-up face. */
type Answer = boolean | string | File | null;

const FACES = ["Han Meimei", "小红", "Bob", "red", "yellow"];

export const useSheet = create<{ sheet: Sheet | null; answer: (given: Answer) => void }>(() => ({ sheet: null, answer: () => {} }));

/** Shows it, and resolves with what the user decides. */
export function ask(sheet: Sheet): Promise<Answer> {
  useSheet.getState().answer(null);
  return new Promise((resolve) => {
    const answer = (given: Answer) => {
      useSheet.setState({ sheet: null, answer: () => {} });
      resolve(given);
    };
    useSheet.setState({ sheet, answer });
  });
}

export function SheetInFront() {
  const { sheet, answer } = useSheet();
  if (!sheet) return null;
  return (
    <div className="phone-shade" onKeyDown={({ key }) => key === "Escape" && answer(null)}>
      <Content key={sheet.kind} sheet={sheet} />
    </div>
  );
}

function Content({ sheet }: { sheet: Sheet }) {
  const { answer } = useSheet();
  const [granted, setGranted] = useState(sheet.kind === "settings" && sheet.granted);
  const allow = inLanguage("Allow", "允许");
  const reject = inLanguage("Reject", "拒绝");
  switch (sheet.kind) {
    case "profile":
      return <Consent title={inLanguage("Get your nickname, profile photo, region and gender", "获取你的昵称、头像、地区及性别")} buttons={[reject, allow]} />;
    case "number":
      return (
        <Consent title={inLanguage("Get and verify your phone number", "申请获取并验证你的手机号")} buttons={[reject, allow]}>
          <p className="phone-choice">
            <strong>{sheet.number.replace(/^(\d{3})\d{4}(?=\d{4}$)/, "$1****")}</strong>
            <small>{inLanguage("Phone number linked to WeChat", "微信绑定号码")}</small>
          </p>
        </Consent>
      );
    case "settings":
      return (
        <Dialog title={inLanguage("Settings", "设置")} className="phone-sheet">
          <label className="phone-choice">
            {inLanguage("Nickname, photo and the like", "用户信息")}
            <input type="checkbox" role="switch" checked={granted} onChange={({ target }) => setGranted(target.checked)} />
          </label>
          <div className="phone-buttons">
            <button type="button" className="phone-allow" onClick={() => answer(granted)}>{inLanguage("Done", "完成")}</button>
          </div>
        </Dialog>
      );
    case "avatar":
      return (
        <Dialog title={inLanguage("Choose a picture", "选择头像")} className="phone-sheet">
          <button type="button" className="phone-choice" onClick={() => answer(sheet.user)}>
            <img src={faceOf(sheet.user)} alt="" /> {inLanguage("Use your WeChat picture", "用微信头像")}
          </button>
          <div className="phone-faces" role="group" aria-label={inLanguage("Made-up pictures", "模拟图片")}>
            {FACES.map((face) => (
              <button type="button" key={face} onClick={() => answer(face)}><img src={faceOf(face)} alt={face} /></button>
            ))}
          </div>
          <p className="phone-note">{inLanguage("WeChat refuses the red one, and is in doubt about the yellow one.", "微信会拒绝红色的图片，黄色的需要人工审核。")}</p>
          <label className="phone-choice">
            {inLanguage("From this computer", "从本机选择")}
            <input type="file" accept="image/*" onChange={({ target }) => answer(target.files?.[0] ?? null)} />
          </label>
          <div className="phone-buttons">
            <button type="button" onClick={() => answer(null)}>{inLanguage("Cancel", "取消")}</button>
          </div>
        </Dialog>
      );
    case "contract":
      return (
        <Dialog title={inLanguage("Privacy guidelines", "小程序隐私保护指引")} className="phone-sheet">
          <p>{inLanguage("Here WeChat shows what the owner of a mini-program has declared.", "微信在此展示开发者在管理后台填写的指引。")}</p>
          <div className="phone-buttons">
            <button type="button" className="phone-allow" onClick={() => answer(true)}>{inLanguage("Close", "关闭")}</button>
          </div>
        </Dialog>
      );
    case "modal":
      return (
        <Dialog title={sheet.title ?? ""} className="phone-modal">
          <p>{sheet.content}</p>
          <div className="phone-buttons">
            {sheet.showCancel !== false && (
              <button type="button" onClick={() => answer(false)}>{sheet.cancelText ?? inLanguage("Cancel", "取消")}</button>
            )}
            <button type="button" className="phone-confirm" onClick={() => answer(true)}>{sheet.confirmText ?? inLanguage("OK", "确定")}</button>
          </div>
        </Dialog>
      );
  }
}

function Consent({ title, buttons: [reject, allow], children }: { title: string; buttons: [string, string]; children?: ReactNode }) {
  const { answer } = useSheet();
  return (
    <Dialog title={title} className="phone-sheet" from={inLanguage("The example requests", "示例小程序 申请")}>
      {children}
      <div className="phone-buttons">
        <button type="button" onClick={() => answer(false)}>{reject}</button>
        <button type="button" className="phone-allow" onClick={() => answer(true)}>{allow}</button>
      </div>
    </Dialog>
  );
}

/** Takes the focus, and gives it back. */
function Dialog({ title, className, from, children }: { title: string; className: string; from?: string; children: ReactNode }) {
  const self = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    self.current!.focus();
    return () => before?.focus();
  }, []);
  return (
    <div ref={self} role="dialog" aria-modal="true" aria-label={title} tabIndex={-1} className={className}>
      {from && <p className="phone-from"><span className="phone-logo" aria-hidden="true">w</span>{from}</p>}
      <h2>{title}</h2>
      {children}
    </div>
  );
}
