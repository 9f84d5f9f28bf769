// What goes wrong in real life, made to go wrong here.

import { Button } from "@graphiql/react";
import { useOperations } from "./operations";
import { wechat } from "./simulator";
import { attempt, report, usePhone } from "./state";
import { OutcomeLine } from "./step";

const isKept = () => usePhone.getState().outcomes.phone?.went === "well";

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

  async function confuse() {
    const { code } = await wechat.login({ user, app });
    usePhone.setState({ isLibraryOld: false, hasTapped: false });
    fill("SubmitPhoneNumber", { code });
    await send("SubmitPhoneNumber");
    warn("The code of wx.login in place of the button's: step 4 has the answer.");
  }

  async function tapTwice() {
    const { code } = await wechat.getPhoneNumber({ user, app });
    usePhone.setState({ isLibraryOld: false, hasTapped: true });
    fill("SubmitPhoneNumber", { code });
    await send("SubmitPhoneNumber");
    if (isKept()) await send("SubmitPhoneNumber");
    if (isKept()) report("faults", { went: "well", text: "The second time changed nothing, nor was WeChat asked." });
    else warn("Step 4 has the answer.");
  }

  async function toggle() {
    await (isWeChatDown ? wechat.comeBack() : wechat.goDown());
    usePhone.setState({ isWeChatDown: !isWeChatDown });
    if (isWeChatDown) report("faults", { went: "well", text: "WeChat answers again." });
    else warn("The server cannot reach WeChat. Try step 1; steps 2 and 3 work without it.");
  }

  return (
    <section aria-label="Make it go wrong">
      <h3>Make it go wrong</h3>
      <div className="phone-acts">
        <Button type="button" onClick={() => attempt("faults", expire)}>
          session_key expired
        </Button>
        <Button type="button" onClick={() => attempt("faults", repeat)} disabled={!code}>
          code used twice
        </Button>
        <Button type="button" onClick={() => attempt("faults", confuse)}>
          use the wx.login code
        </Button>
        <Button type="button" onClick={() => attempt("faults", tapTwice)}>
          tap twice
        </Button>
        <Button type="button" onClick={() => attempt("faults", toggle)} aria-pressed={isWeChatDown}>
          {isWeChatDown ? "bring WeChat back" : "WeChat is down"}
        </Button>
      </div>
      {outcomes.faults && <OutcomeLine {...outcomes.faults} />}
    </section>
  );
}
