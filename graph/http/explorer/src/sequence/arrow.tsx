// An arrow between two of the three; what it carries unfolds below it.

import { useId, useState } from "react";
import { inLanguage } from "../language";

export type Party = "phone" | "server" | "wechat";

/** As they stand, from the left. */
export const parties: readonly Party[] = ["phone", "server", "wechat"];

export const nameOf = (party: Party) =>
  ({
    phone: inLanguage("Phone", "手机"),
    server: inLanguage("Server", "服务器"),
    wechat: inLanguage("WeChat", "微信"),
  })[party];

interface Properties {
  from: Party;
  to: Party;
  label: string;
  /** Null and undefined for nothing. */
  carried: unknown;
  isAnswer?: boolean;
  isBad?: boolean;
}

export function Arrow({ from, to, label, carried, isAnswer = false, isBad = false }: Properties) {
  const [isOpen, setOpen] = useState(false);
  const body = useId();
  const isBackward = parties.indexOf(from) > parties.indexOf(to);
  const between = parties.filter((party) => party === from || party === to).join("-");
  const kinds = [between, isBackward && "backward", isAnswer && "answer", isBad && "bad"];
  return (
    <>
      <button
        type="button"
        className={["sequence-arrow", ...kinds].filter(Boolean).join(" ")}
        aria-label={`${nameOf(from)} → ${nameOf(to)}: ${label}`}
        aria-expanded={isOpen}
        aria-controls={body}
        onClick={() => setOpen(!isOpen)}
      >
        <span>{label}</span>
      </button>
      <pre id={body} hidden={!isOpen} tabIndex={0}>
        {isOpen && shown(carried)}
      </pre>
    </>
  );
}

function shown(carried: unknown): string {
  if (carried === null || carried === undefined || carried === "") return inLanguage("Nothing.", "无内容。");
  return typeof carried === "string" ? carried : JSON.stringify(carried, null, 2);
}
