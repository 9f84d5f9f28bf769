// The fourth step: the user taps a button, and the server asks WeChat for their phone number.

import { inLanguage } from "../language";
import { wechat } from "../simulator";
import { useOperations } from "./operations";
import { attempt, report, usePhone } from "./state";
import { Ask, Send, Step } from "./step";

export function PhoneNumber() {
  const { user, app, isLibraryOld, hasTapped, outcomes } = usePhone();
  const { fill, send } = useOperations();
  const operation = isLibraryOld ? "SubmitEncryptedPhoneNumber" : "SubmitPhoneNumber";

  const filledIn = isLibraryOld
    ? inLanguage("Both are in Variables.", "两项都已填入 Variables。")
    : inLanguage("The code is in Variables.", "code 已填入 Variables。");

  async function tap() {
    usePhone.setState({ hasTapped: false });
    const ask = isLibraryOld ? wechat.getEncryptedPhoneNumber : wechat.getPhoneNumber;
    const { errMsg: _, ...given } = await ask({ user, app });
    usePhone.setState({ hasTapped: true });
    report("phone", undefined);
    fill(operation, given);
  }

  return (
    <Step title={inLanguage("Give the phone number", "授权手机号")} outcome={outcomes.phone}>
      <p>
        {inLanguage(
          "A tap gives the phone a code. It stands for the number, once, for five minutes.",
          "点击按钮，手机得到一个 code：它代表手机号，只能用一次，五分钟内有效。",
        )}
      </p>
      <label>
        <input
          type="checkbox"
          checked={isLibraryOld}
          onChange={({ target }) => usePhone.setState({ isLibraryOld: target.checked, hasTapped: false })}
        />
        {inLanguage("Old base library: no code, but the number encrypted", "旧基础库：没有 code，只有加密的手机号")}
      </label>
      <Ask
        call="getPhoneNumber"
        onClick={() => attempt("phone", tap)}
        done={hasTapped && filledIn}
      />
      <p>
        {isLibraryOld
          ? inLanguage("The server decrypts the number, and shows it masked.", "服务器解密手机号，并打码显示。")
          : inLanguage("The server asks WeChat for the number, and shows it masked.", "服务器向微信查询手机号，并打码显示。")}
      </p>
      <Send operation={operation} onClick={send} disabled={!hasTapped} />
      <Send operation="RemovePhoneNumber" onClick={send} />
    </Step>
  );
}
