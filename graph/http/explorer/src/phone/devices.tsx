// Where the user is signed in, as they see it in a mini-program: each session can be ended from here.

import { Button } from "@graphiql/react";
import { useRef } from "react";
import type { Operation } from "../documents";
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
    <section aria-label="Devices">
      <h3 ref={heading} tabIndex={-1}>
        Devices
      </h3>
      <p>
        {sessions.length
          ? "Each login makes a session. Open this page in another tab, and sign the same user in there."
          : "A user who is signed in finds their devices here."}
      </p>
      {sessions.length > 0 && (
        <>
          <ul className="phone-devices">
            {sessions.map((session) => (
              <li key={session.id}>
                <div>
                  <strong>{nameOf(session)}</strong>
                  {session.isCurrent && <em>this one</em>}
                  <small id={session.id}>
                    seen <time dateTime={session.lastSeenAt}>{shown(session.lastSeenAt)}</time>
                    {app && ` in ${session.appId}`}
                  </small>
                </div>
                <Button
                  type="button"
                  className="phone-send"
                  aria-label={`End ${nameOf(session)}${session.isCurrent ? ", this one" : ""}`}
                  aria-describedby={session.id}
                  onClick={() => end(session)}
                >
                  End
                </Button>
              </li>
            ))}
          </ul>
          <div className="phone-acts">
            <Button type="button" className="phone-send" onClick={() => sendFromHeading("Logout")}>
              Sign out
            </Button>
            <Button
              type="button"
              className="phone-send"
              disabled={sessions.length < 2}
              onClick={() => sendFromHeading("RevokeOtherSessions")}
            >
              End all others
            </Button>
          </div>
        </>
      )}
      {outcomes.devices && <OutcomeLine {...outcomes.devices} />}
    </section>
  );
}

const nameOf = ({ device }: Session) => device.label ?? device.platform;

const shown = (moment: string) => new Date(moment).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
