// The sequence below the response: what goes from phone to server to WeChat and back, as it happens.

import { Button } from "@graphiql/react";
import { useLayoutEffect, useRef, useState } from "react";
import { inLanguage, useLanguage } from "../language";
import { Arrow, nameOf, parties, type Party } from "./arrow";
import { listen } from "./journal";
import { type Call, clear, type Row, rowsOf, type Sent, useSequence } from "./store";
import { endingOf, endingOfCall, titleOf } from "./wording";
import "./sequence.css";

listen();

export function Sequence() {
  useLanguage();
  const rows = rowsOf(useSequence());
  const [isOpen, setOpen] = useState(true);
  return (
    <section className="sequence" aria-label={inLanguage("Sequence", "时序图")}>
      <header>
        <h2>
          <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> {inLanguage("Sequence", "时序图")}
          </button>
        </h2>
        {isOpen && rows.length > 0 && (
          <Button type="button" onClick={clear}>
            {inLanguage("Clear", "清空")}
          </Button>
        )}
      </header>
      {isOpen && <Lanes rows={rows} />}
    </section>
  );
}

/** Stays at the newest row, unless the user has scrolled to an older one. */
function Lanes({ rows }: { rows: Row[] }) {
  const lanes = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (isAtEnd.current) lanes.current!.scrollTop = lanes.current!.scrollHeight;
  }, [rows]);
  function scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = lanes.current!;
    isAtEnd.current = scrollTop + clientHeight > scrollHeight - 8;
  }
  return (
    <div className="sequence-lanes" ref={lanes} onScroll={scrolled}>
      <div className="sequence-parties" aria-hidden="true">
        {parties.map((party) => (
          <span key={party}>{nameOf(party)}</span>
        ))}
      </div>
      <ol>
        {rows.map((row) =>
          "call" in row ? (
            <CallRow key={row.call.number} call={row.call} />
          ) : (
            <SentRow key={row.sent.number} {...row} />
          ),
        )}
      </ol>
      {rows.length === 0 && (
        <p>
          {inLanguage(
            "What the phone sends, and what the server then asks WeChat, is drawn here as it happens.",
            "手机发出的请求，以及服务器随后向微信发出的请求，都会实时画在这里。",
          )}
        </p>
      )}
    </div>
  );
}

function SentRow({ sent, calls }: { sent: Sent; calls: Call[] }) {
  const { text, isBad } = endingOf(sent);
  return (
    <li>
      <Arrow from="phone" to={sent.to} label={sent.title} carried={sent.request} />
      {calls.length > 0 && (
        <ol>
          {calls.map((call) => (
            <CallRow key={call.number} call={call} />
          ))}
        </ol>
      )}
      <Arrow from={sent.to} to="phone" label={text} carried={sent.response} isAnswer isBad={isBad} />
    </li>
  );
}

function CallRow({ call }: { call: Call }) {
  const [from, to]: Party[] = call.method === "PUSH" ? ["wechat", "server"] : ["server", "wechat"];
  const { text, isBad } = endingOfCall(call);
  const { method, path, query, body } = call;
  return (
    <li>
      <Arrow from={from!} to={to!} label={titleOf(call)} carried={{ [method]: path, query, ...(body !== null && { body }) }} />
      <Arrow from={to!} to={from!} label={text} carried={call.answer} isAnswer isBad={isBad} />
    </li>
  );
}
