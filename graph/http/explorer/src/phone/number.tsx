// The fourth step: the user taps a button, and the server asks WeChat for their phone number.

import { useOperations } from "./operations";
import { wechat } from "./simulator";
import { attempt, report, usePhone } from "./state";
import { Ask, Send, Step } from "./step";

export function PhoneNumber() {
  const { user, app, isLibraryOld, hasTapped, outcomes } = usePhone();
  const { fill, send } = useOperations();
  const operation = isLibraryOld ? "SubmitEncryptedPhoneNumber" : "SubmitPhoneNumber";

  async function tap() {
    usePhone.setState({ hasTapped: false });
    const ask = isLibraryOld ? wechat.getEncryptedPhoneNumber : wechat.getPhoneNumber;
    const { errMsg: _, ...given } = await ask({ user, app });
    usePhone.setState({ hasTapped: true });
    report("phone", undefined);
    fill(operation, given);
  }

  return (
    <Step title="Give the phone number" outcome={outcomes.phone}>
      <p>A tap gives the phone a code. It stands for the number, once, for five minutes.</p>
      <label>
        <input
          type="checkbox"
          checked={isLibraryOld}
          onChange={({ target }) => usePhone.setState({ isLibraryOld: target.checked, hasTapped: false })}
        />
        Old base library: no code, but the number encrypted
      </label>
      <Ask
        call="getPhoneNumber"
        onClick={() => attempt("phone", tap)}
        done={hasTapped && (isLibraryOld ? "Both are in Variables." : "The code is in Variables.")}
      />
      <p>The server {isLibraryOld ? "decrypts the number" : "asks WeChat for the number"}, and shows it masked.</p>
      <Send operation={operation} onClick={send} disabled={!hasTapped} />
      <Send operation="RemovePhoneNumber" onClick={send} />
    </Step>
  );
}
