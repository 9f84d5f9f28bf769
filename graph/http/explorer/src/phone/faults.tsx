// What goes wrong in real life, made to go wrong here; and the phone number, which this server leaves to others.

import { Button } from "@graphiql/react";
import { useOperations } from "./operations";
import { wechat } from "./simulator";
import { attempt, report, usePhone } from "./state";
import { OutcomeLine } from "./steps";

export function Faults() {
  const { user, app, code, isWeChatDown, outcomes } = usePhone();
  const { fill, send } = useOperations();
  const warn = (text: string) => report("faults", { went: "wrong", text });

  async function expire() {
    await wechat.expireSessionKey({ user, app });
    warn("WeChat has a new session_key, which the server does not have yet. Try step 2.");
  }

  async function repeat() {
    fill("Login", { code });
    await send("Login");
    if (usePhone.getState().outcomes.Login?.went === "well") await send("Login");
    warn("The same code a second time: step 1 has the answer.");
  }

  async function toggle() {
    await (isWeChatDown ? wechat.comeBack() : wechat.goDown());
    usePhone.setState({ isWeChatDown: !isWeChatDown });
    if (isWeChatDown) report("faults", { went: "well", text: "WeChat answers again." });
    else warn("The server cannot reach WeChat. Try step 1; steps 2 and 3 work without it.");
  }

  return (
    <section>
      <h3>Make it go wrong</h3>
      <div className="phone-acts">
        <Button type="button" onClick={() => attempt("faults", expire)}>
          session_key expired
        </Button>
        <Button type="button" onClick={() => attempt("faults", repeat)} disabled={!code}>
          code used twice
        </Button>
        <Button type="button" onClick={() => attempt("faults", toggle)} aria-pressed={isWeChatDown}>
          {isWeChatDown ? "bring WeChat back" : "WeChat is down"}
        </Button>
      </div>
      {outcomes.faults && <OutcomeLine {...outcomes.faults} />}
    </section>
  );
}

export function PhoneNumber() {
  const { user, app, phoneNumber } = usePhone();

  async function ask() {
    const { errMsg: _, ...answer } = await wechat.getPhoneNumber({ user, app });
    usePhone.setState({ phoneNumber: answer });
  }

  return (
    <section>
      <h3>Phone number</h3>
      <p>A tap on this button gives a code and the encrypted number. This server has no operation that takes them.</p>
      <div className="phone-acts">
        <Button type="button" className="phone-ask" onClick={() => attempt("faults", ask)}>
          getPhoneNumber
        </Button>
      </div>
      {phoneNumber && <pre>{JSON.stringify(phoneNumber, null, 2)}</pre>}
    </section>
  );
}
