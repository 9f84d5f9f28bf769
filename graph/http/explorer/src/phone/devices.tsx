// Where the user is signed in, as they see it in a mini-program: each session can be ended from here.

import { Button } from "@graphiql/react";
import { useRef } from "react";
import type { Operation } from "../documents";
import { inLanguage } from "../language";
import { useOperations } from "./operations";
import { type Session, useSessions } from "./sessions";
import { usePhone } from "./state";
import { OutcomeLine } from "./step";

export function Devices() {
  const { app, outcomes } = usePhone();
  const { sessions } = useSessions();
  const { fill, send } = useOperations();
  const heading = useRef<HTMLHeadingElement>(null);

  /** The button may be gone afterwards, and the keyboard's focus with it. */
  function sendFromHeading(operation: Operation) {
    heading.current?.focus();
    return send(operation);
  }

  function end({ id }: Session) {
    fill("RevokeSession", { id });
    void sendFromHeading("RevokeSession");
  }

  return (
    <section aria-label={inLanguage("Devices", "设备")}>
      <h3 ref={heading} tabIndex={-1}>
        {inLanguage("Devices", "设备")}
      </h3>
      <p>
        {sessions.length
          ? inLanguage(
              "Each login makes a session. Open this page in another tab, and sign the same user in there.",
              "每次登录产生一个会话。可在另一个标签页打开本页，让同一用户登录。",
            )
          : inLanguage("A user who is signed in finds their devices here.", "登录后，这里会列出用户的设备。")}
      </p>
      {sessions.length > 0 && (
        <>
          <ul className="phone-devices">
            {sessions.map((session) => (
              <li key={session.id}>
                <div>
                  <strong>{nameOf(session)}</strong>
                  {session.isCurrent && <em>{inLanguage("this one", "本设备")}</em>}
                  <small id={session.id}>
                    {inLanguage("seen ", "最近活动 ")}
                    <time dateTime={session.lastSeenAt}>{shown(session.lastSeenAt)}</time>
                    {app && inLanguage(` in ${session.appId}`, ` 小程序 ${session.appId}`)}
                  </small>
                </div>
                <Button
                  type="button"
                  className="phone-send"
                  aria-label={labelOf(session)}
                  aria-describedby={session.id}
                  onClick={() => end(session)}
                >
                  {inLanguage("End", "结束")}
                </Button>
              </li>
            ))}
          </ul>
          <div className="phone-acts">
            <Button type="button" className="phone-send" onClick={() => sendFromHeading("Logout")}>
              {inLanguage("Sign out", "退出登录")}
            </Button>
            <Button
              type="button"
              className="phone-send"
              disabled={sessions.length < 2}
              onClick={() => sendFromHeading("RevokeOtherSessions")}
            >
              {inLanguage("End all others", "结束其他全部")}
            </Button>
          </div>
        </>
      )}
      <OutcomeLine outcome={outcomes.devices} />
    </section>
  );
}

const nameOf = ({ device }: Session) => device.label ?? device.platform;

function labelOf(session: Session): string {
  const [name, { isCurrent }] = [nameOf(session), session];
  return inLanguage(`End ${name}${isCurrent ? ", this one" : ""}`, `结束 ${name}${isCurrent ? "（本设备）" : ""}`);
}

function shown(moment: string): string {
  return new Date(moment).toLocaleString(inLanguage("en", "zh-CN"), { dateStyle: "medium", timeStyle: "short" });
}
