// The steps from a sign-in on: what the phone asks WeChat for, and what it then sends to the server.

import { inLanguage } from "../language";
import { type Policy, wechat } from "../simulator";
import { PhoneNumber } from "./number";
import { useOperations } from "./operations";
import { OwnProfile } from "./profile";
import { attempt, report, usePhone } from "./state";
import { Ask, Send, Step } from "./step";

export function Steps() {
  const { user, app, policy, code, collected, outcomes } = usePhone();
  const { fill, send } = useOperations();

  async function login() {
    usePhone.setState({ code: null });
    const { code } = await wechat.login({ user, app });
    usePhone.setState({ code });
    report("Login", undefined);
    fill("Login", { code });
  }

  async function getUserInfo() {
    usePhone.setState({ collected: false });
    const { rawData, signature, encryptedData, iv } = await wechat.getUserInfo({ user, app }, policy);
    usePhone.setState({ collected: true });
    report("SubmitUserInfo", undefined);
    fill("SubmitUserInfo", { rawData, signature, encryptedData, iv });
  }

  return (
    <ol className="phone-steps">
      <Step title={inLanguage("Sign in", "登录")} outcome={outcomes.Login}>
        <p>
          {inLanguage(
            "WeChat gives the phone a code. It stands for this user, once, for five minutes.",
            "微信给手机一个 code：它代表这位用户，只能用一次，五分钟内有效。",
          )}
        </p>
        <Ask
          call="wx.login"
          onClick={() => attempt("Login", login)}
          done={code && inLanguage("The code is in Variables.", "code 已填入 Variables。")}
        />
        <p>
          {inLanguage(
            "The server asks WeChat whose code it is, and gives the phone a token.",
            "服务器向微信查询 code 属于谁，并给手机一个令牌。",
          )}
        </p>
        <Send operation="Login" onClick={send} disabled={!code} />
      </Step>
      <Step title={inLanguage("Submit nickname and picture", "提交昵称和头像")} outcome={outcomes.SubmitUserInfo}>
        <p>
          {inLanguage(
            "WeChat signs and encrypts them with a key that the server got with the code.",
            "微信用一把密钥签名并加密，服务器凭 code 得到了同一把密钥。",
          )}
        </p>
        <label>
          {inLanguage("Privacy policy", "隐私政策")}
          <select value={policy} onChange={({ target }) => usePhone.setState({ policy: target.value as Policy })}>
            <option value="new">{inLanguage("new: no real names", "新：没有真实昵称")}</option>
            <option value="old">{inLanguage("old: real names", "旧：真实昵称")}</option>
          </select>
        </label>
        <Ask
          call="wx.getUserInfo"
          onClick={() => attempt("SubmitUserInfo", getUserInfo)}
          done={collected && inLanguage("All four are in Variables.", "四项都已填入 Variables。")}
        />
        <p>
          {inLanguage(
            "The server checks the signature, decrypts, and keeps what is the user's own.",
            "服务器校验签名、解密，并保存真正属于用户的信息。",
          )}
        </p>
        <Send operation="SubmitUserInfo" onClick={send} disabled={!collected} />
      </Step>
      <Step title={inLanguage("Who am I?", "我是谁？")} outcome={outcomes.Me}>
        <p>{inLanguage("The token in Headers identifies the user.", "Headers 里的令牌表明是谁在请求。")}</p>
        <Send operation="Me" onClick={send} />
      </Step>
      <PhoneNumber />
      <OwnProfile />
    </ol>
  );
}
