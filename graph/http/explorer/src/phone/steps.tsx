// The steps from a sign-in on: what the phone asks WeChat for, and what it then sends to the server.

import { PhoneNumber } from "./number";
import { useOperations } from "./operations";
import { OwnProfile } from "./profile";
import { type Policy, wechat } from "./simulator";
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
      <Step title="Sign in" outcome={outcomes.Login}>
        <p>WeChat gives the phone a code. It stands for this user, once, for five minutes.</p>
        <Ask call="wx.login" onClick={() => attempt("Login", login)} done={code && "The code is in Variables."} />
        <p>The server asks WeChat whose code it is, and gives the phone a token.</p>
        <Send operation="Login" onClick={send} disabled={!code} />
      </Step>
      <Step title="Tell nickname and picture" outcome={outcomes.SubmitUserInfo}>
        <p>WeChat signs and encrypts them with a key that the server got with the code.</p>
        <label>
          Privacy policy
          <select value={policy} onChange={({ target }) => usePhone.setState({ policy: target.value as Policy })}>
            <option value="new">new: no real names</option>
            <option value="old">old: real names</option>
          </select>
        </label>
        <Ask call="wx.getUserInfo" onClick={() => attempt("SubmitUserInfo", getUserInfo)} done={collected && "All four are in Variables."} />
        <p>The server checks the signature, decrypts, and keeps them.</p>
        <Send operation="SubmitUserInfo" onClick={send} disabled={!collected} />
      </Step>
      <Step title="Who am I?" outcome={outcomes.Me}>
        <p>The token in Headers says who asks.</p>
        <Send operation="Me" onClick={send} />
      </Step>
      <PhoneNumber />
      <OwnProfile />
    </ol>
  );
}
