// What WeChat offers above the keyboard for <input type="nickname">: the user's nickname there.

import { type RefObject, useEffect, useState } from "react";
import { inLanguage } from "../language";
import { wechat } from "../simulator";
import { user } from "./owner";

export function NicknameKeyboard({ viewport }: { viewport: RefObject<HTMLElement | null> }) {
  const [input, setInput] = useState<HTMLInputElement | null>(null);
  const [nickname, setNickname] = useState("");
  useEffect(() => {
    const focused = ({ target }: FocusEvent) => {
      const field = (target as Element).matches('input[wx-type="nickname"]') ? (target as HTMLInputElement) : null;
      setInput(field);
      if (field) {
        void wechat.users().then(({ users }) => setNickname(users.find((one) => one.user === user)?.nickName ?? user));
      }
    };
    const element = viewport.current!;
    element.addEventListener("focusin", focused);
    return () => element.removeEventListener("focusin", focused);
  }, [viewport]);

  function fill() {
    input!.value = nickname;
    input!.dispatchEvent(new Event("input", { bubbles: true }));
    setInput(null);
  }

  if (!input?.isConnected || !nickname) return null;
  return (
    <div className="phone-keyboard">
      <button type="button" onClick={fill}>{inLanguage(`Use WeChat nickname: ${nickname}`, `用微信昵称：${nickname}`)}</button>
    </div>
  );
}
