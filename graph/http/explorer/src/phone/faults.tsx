// What goes wrong in real life, made to go wrong here: mistakes of mini-programs, and WeChat in all the ways it fails.

import { Button } from "@graphiql/react";
import { useState } from "react";
import { inLanguage } from "../language";
import { type Fault, wechat } from "../simulator";
import { useOperations } from "./operations";
import { attempt, type Outcome, report, usePhone, useSignedIn, well, wrong } from "./state";
import { OutcomeLine } from "./step";

/** By the simulator's names, the likeliest first. */
const kinds: [Fault["kind"], en: string, zh: string][] = [
  ["bad-gateway", "answers 502 Bad Gateway", "返回 502 Bad Gateway"],
  ["hang", "never answers", "一直不响应"],
  ["delay", "takes two seconds", "每次要两秒才响应"],
  ["errcode", "refuses with an errcode", "返回错误码"],
  ["empty", "answers with nothing", "返回空内容"],
  ["html", "answers with a page of HTML", "返回 HTML 页面"],
  ["truncated", "breaks off halfway", "响应只有一半"],
  ["missing-openid", "leaves out the openid", "响应里没有 openid"],
  ["huge", "answers with 16 MB", "返回 16 MB 内容"],
];
const errcodes: [number, en: string, zh: string][] = [
  [-1, "system busy", "系统繁忙"],
  [40029, "invalid code", "code 无效"],
  [40163, "code been used", "code 已被使用"],
  [40226, "user blocked for high risk", "高风险用户被拦截"],
  [45011, "too many calls", "调用过于频繁"],
  [40125, "invalid AppSecret", "AppSecret 无效"],
];

export function Faults() {
  return (
    <section aria-label={inLanguage("Make it go wrong", "制造故障")}>
      <h3>{inLanguage("Make it go wrong", "制造故障")}</h3>
      <Mistakes />
      <Failures />
    </section>
  );
}

/** After what was done, how the server answered it. */
function withAnswer(en: string, zh: string, { went, en: answer, zh: answerZh }: Outcome): Outcome {
  return { went, en: `${en} ${answer}`, zh: `${zh}${answerZh}` };
}

/** Those that need a token or a code wait until there is one. */
function Mistakes() {
  const { user, app, code, outcomes } = usePhone();
  const isSignedIn = useSignedIn();
  const { fill, send } = useOperations();
  const outcomeOf = (place: "Login" | "phone") => usePhone.getState().outcomes[place]!;
  const isKept = () => outcomeOf("phone").went === "well";

  async function expire() {
    await wechat.expireSessionKey({ user, app });
    report(
      "mistakes",
      wrong(
        "WeChat has a new session_key, which the server does not have yet. Try step 2.",
        "微信换了新的 session_key，服务器还没有它。请试第 2 步。",
      ),
    );
  }

  async function repeat() {
    fill("Login", { code });
    await send("Login");
    if (outcomeOf("Login").went === "well") await send("Login");
    report("mistakes", withAnswer("The same code a second time:", "同一个 code 用第二次：", outcomeOf("Login")));
  }

  async function sendNumber(code: string) {
    fill("SubmitPhoneNumber", { code });
    await send("SubmitPhoneNumber");
  }

  async function confuse() {
    const { code } = await wechat.login({ user, app });
    usePhone.setState({ isLibraryOld: false, hasTapped: false });
    await sendNumber(code);
    report("mistakes", withAnswer("The code of wx.login in place of the button's:", "用 wx.login 的 code 代替按钮的：", outcomeOf("phone")));
  }

  async function tapTwice() {
    const { code } = await wechat.getPhoneNumber({ user, app });
    usePhone.setState({ isLibraryOld: false, hasTapped: true });
    await sendNumber(code);
    if (isKept()) await send("SubmitPhoneNumber");
    report(
      "mistakes",
      isKept()
        ? well("The second time changed nothing, nor was WeChat asked.", "第二次没有改变什么，也没有再问微信。")
        : outcomeOf("phone"),
    );
  }

  return (
    <>
      <p>{inLanguage("Mistakes of mini-programs, once you are signed in:", "小程序的错误（登录之后）：")}</p>
      <div className="phone-acts">
        <Button type="button" disabled={!isSignedIn} onClick={() => attempt("mistakes", expire)}>
          {inLanguage("session_key expired", "session_key 过期")}
        </Button>
        <Button type="button" disabled={!code} onClick={() => attempt("mistakes", repeat)}>
          {inLanguage("code used twice", "code 用两次")}
        </Button>
        <Button type="button" disabled={!isSignedIn} onClick={() => attempt("mistakes", confuse)}>
          {inLanguage("use the wx.login code", "误用 wx.login 的 code")}
        </Button>
        <Button type="button" disabled={!isSignedIn} onClick={() => attempt("mistakes", tapTwice)}>
          {inLanguage("tap twice", "连点两次")}
        </Button>
      </div>
      <OutcomeLine outcome={outcomes.mistakes} />
    </>
  );
}

/** Every call of the server's fails in that way, until WeChat is brought back. */
function Failures() {
  const { isWeChatDown, outcomes } = usePhone();
  const [kind, setKind] = useState<Fault["kind"]>("bad-gateway");
  const [errcode, setErrcode] = useState(-1);

  async function toggle() {
    await (isWeChatDown ? wechat.mend() : wechat.fail(kind === "errcode" ? { kind, errcode } : { kind }));
    usePhone.setState({ isWeChatDown: !isWeChatDown });
    report("faults", isWeChatDown ? well("WeChat answers again.", "微信恢复正常。") : expected(kind));
  }

  return (
    <>
      <p>{inLanguage("Failures of WeChat, until it is brought back:", "微信的故障（直到恢复）：")}</p>
      <label>
        {inLanguage("WeChat", "微信")}
        <select
          value={kind}
          disabled={isWeChatDown}
          onChange={({ target }) => setKind(target.value as Fault["kind"])}
        >
          {kinds.map(([name, en, zh]) => (
            <option key={name} value={name}>
              {inLanguage(en, zh)}
            </option>
          ))}
        </select>
      </label>
      {kind === "errcode" && (
        <label>
          errcode
          <select
            value={errcode}
            disabled={isWeChatDown}
            onChange={({ target }) => setErrcode(Number(target.value))}
          >
            {errcodes.map(([number, en, zh]) => (
              <option key={number} value={number}>
                {number} {inLanguage(en, zh)}
              </option>
            ))}
          </select>
        </label>
      )}
      <div className="phone-acts">
        <Button type="button" onClick={() => attempt("faults", toggle)} aria-pressed={isWeChatDown}>
          {isWeChatDown ? inLanguage("bring WeChat back", "恢复微信") : inLanguage("break WeChat", "让微信出故障")}
        </Button>
      </div>
      <OutcomeLine outcome={outcomes.faults} />
    </>
  );
}

function expected(kind: Fault["kind"]): Outcome {
  if (kind === "delay") return wrong("WeChat is slow. Try step 1, which waits for it.", "微信变慢了。请试第 1 步：它会等待。");
  if (kind === "missing-openid") {
    return wrong("WeChat answers without an openid. Try step 1.", "微信的响应里没有 openid。请试第 1 步。");
  }
  return wrong(
    "WeChat fails. Try step 1; steps 2 and 3 work without it.",
    "微信出故障了。请试第 1 步；第 2、3 步不需要微信。",
  );
}
