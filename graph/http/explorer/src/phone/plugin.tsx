// A phone beside the editors: it simulates a user of a mini-program.

import type { GraphiQLPlugin } from "@graphiql/react";
import { useEffect, useSyncExternalStore } from "react";
import { authorization } from "../headers";
import { ForgetMe } from "./data";
import { Devices } from "./devices";
import { Faults } from "./faults";
import { MiniProgram, UserWithPhone } from "./user";
import "./phone.css";
import "./results";
import { attempt, catchUp } from "./state";
import { Steps } from "./steps";

export const phone: GraphiQLPlugin = { title: "Phone", icon: PhoneIcon, content: Phone };

function Phone() {
  const isSignedIn = useSyncExternalStore(authorization.subscribe, authorization.get) !== null;
  useEffect(() => void attempt("faults", catchUp), []);
  return (
    <section className="phone" aria-label="Phone">
      <header>
        <h2>
          A phone with WeChat
          <span className={isSignedIn ? "phone-well" : ""}>{isSignedIn ? "signed in" : "signed out"}</span>
        </h2>
        <p>
          <strong>Grey</strong> asks WeChat, which this server plays. <strong>Pink</strong> sends an operation to the
          server. Nobody here is real.
        </p>
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

function PhoneIcon() {
  return (
    <svg viewBox="0 0 14 24" fill="none" stroke="currentColor" strokeWidth="1.5" height="1em">
      <rect x="1" y="1" width="12" height="22" rx="2.5" />
      <path d="M5.5 19.5h3" strokeLinecap="round" />
    </svg>
  );
}
