// A phone beside the editors: it simulates a user of a mini-program.

import type { GraphiQLPlugin } from "@graphiql/react";
import { useEffect } from "react";
import { inLanguage, useLanguage } from "../language";
import { ForgetMe } from "./data";
import { Devices } from "./devices";
import { Faults } from "./faults";
import { MiniProgram, UserWithPhone } from "./user";
import "./phone.css";
import "./results";
import { attempt, catchUp, useSignedIn } from "./state";
import { Steps } from "./steps";

export const phone: GraphiQLPlugin = { title: "Phone", icon: PhoneIcon, content: Phone };

function Phone() {
  useLanguage();
  const isSignedIn = useSignedIn();
  useEffect(() => void attempt("faults", catchUp), []);
  return (
    <section className="phone" aria-label={inLanguage("Phone", "手机")}>
      <header>
        <h2>
          {inLanguage("A phone with WeChat", "装有微信的手机")}
          <span className={isSignedIn ? "phone-well" : ""}>
            {isSignedIn ? inLanguage("signed in", "已登录") : inLanguage("signed out", "未登录")}
          </span>
        </h2>
        <Legend />
        <UserWithPhone />
        <MiniProgram />
      </header>
      <Steps />
      <Devices />
      <ForgetMe />
      <Faults />
    </section>
  );
}

function Legend() {
  return (
    <p>
      <strong>{inLanguage("Grey", "灰色")}</strong>
      {inLanguage(" asks WeChat, which this server plays. ", "按钮询问微信（由本服务器模拟），")}
      <strong>{inLanguage("Pink", "粉色")}</strong>
      {inLanguage(
        " sends an operation to the server. All users are made up.",
        "按钮向服务器发送操作。所有用户都是虚构的。",
      )}
    </p>
  );
}

function PhoneIcon() {
  return (
    <svg viewBox="0 0 14 24" fill="none" stroke="currentColor" strokeWidth="1.5" height="1em">
      <rect x="1" y="1" width="12" height="22" rx="2.5" />
      <path d="M5.5 19.5h3" strokeLinecap="round" />
    </svg>
  );
}
