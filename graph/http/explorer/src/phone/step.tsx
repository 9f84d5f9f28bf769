// The parts of a step: its frame, what asks WeChat, what sends an operation, and how it went.

import { Button } from "@graphiql/react";
import { type ReactNode, useEffect, useRef } from "react";
import type { Operation } from "../documents";
import { inLanguage } from "../language";
import type { Outcome } from "./state";

export function Step({ title, outcome, children }: { title: string; outcome?: Outcome; children: ReactNode }) {
  return (
    <li className={outcome?.went === "well" ? "phone-done" : ""}>
      <h3>{title}</h3>
      {children}
      <OutcomeLine outcome={outcome} />
    </li>
  );
}

export function OutcomeLine({ outcome }: { outcome?: Outcome }) {
  return (
    <Region news={outcome}>
      {outcome && (
        <p className={`phone-outcome phone-${outcome.went}`}>{inLanguage(outcome.en, outcome.zh)}</p>
      )}
    </Region>
  );
}

/**
 * Comes into view with each of its news. Stands there empty as well: a screen reader speaks what changes in a region
 * that it knows.
 */
export function Region({ news, children }: { news: unknown; children: ReactNode }) {
  const region = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (news) bringIntoView(region.current!);
  }, [news]);
  return (
    <div role="status" ref={region}>
      {children}
    </div>
  );
}

/** Unless the user is at work in another place of the page: the answer there is what they look for. */
function bringIntoView(outcome: HTMLElement) {
  const focused = document.activeElement;
  const isHere = !focused || focused === document.body || outcome.closest("li, section, header")!.contains(focused);
  if (isHere) outcome.scrollIntoView({ block: "nearest" });
}

export function Ask({ call, onClick, done }: { call: string; onClick: () => void; done: string | null | false }) {
  return (
    <div className="phone-act">
      <Button type="button" className="phone-ask" onClick={onClick}>
        {call}
      </Button>
      <span>{done}</span>
    </div>
  );
}

export function Send({ operation, onClick, disabled = false }: {
  operation: Operation;
  onClick: (operation: Operation) => void;
  disabled?: boolean;
}) {
  return (
    <div className="phone-act">
      <Button type="button" className="phone-send" disabled={disabled} onClick={() => onClick(operation)}>
        ▶ {operation}
      </Button>
    </div>
  );
}
