// The parts of a step: its frame, what asks WeChat, what sends an operation, and how it went.

import { Button } from "@graphiql/react";
import type { ReactNode } from "react";
import type { Operation } from "../documents";
import type { Outcome } from "./state";

export function Step({ title, outcome, children }: { title: string; outcome?: Outcome; children: ReactNode }) {
  return (
    <li className={outcome?.went === "well" ? "phone-done" : ""}>
      <h3>{title}</h3>
      {children}
      {outcome && <OutcomeLine {...outcome} />}
    </li>
  );
}

export function OutcomeLine({ went, text }: Outcome) {
  return (
    <p role="status" className={`phone-outcome phone-${went}`}>
      {text}
    </p>
  );
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
