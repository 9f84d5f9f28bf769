// What has gone between phone, server and WeChat since the page was opened: while it is open, and nowhere else.

import { create } from "zustand";
import type { Exchange } from "../traffic";

/** One exchange between the server and WeChat, as the simulator's journal has it: with its secrets cut. */
export interface Call {
  /** As `Sent` has it: the journal's own number may come again once the server was started anew. */
  number: number;
  /** When it began, in epoch milliseconds. */
  at: number;
  /** "PUSH" for what WeChat sends to the server. */
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
  status: number | null;
  errcode: number | null;
  answer: unknown;
  /** What made it fail. */
  fault: string | null;
}

/** An exchange of the phone's, when it was complete, and the only one on this page of that number. */
export type Sent = Exchange & { done: number; number: number };

/** What stands below another in the sequence; within an exchange stand those that it caused. */
export type Row = { sent: Sent; calls: Call[] } | { call: Call };

const KEPT = 100;
let noted = 0;

export const useSequence = create<{ sent: Sent[]; calls: Call[] }>(() => ({ sent: [], calls: [] }));

export function noteExchange(exchange: Exchange) {
  useSequence.setState(({ sent }) => ({ sent: [...sent, { ...exchange, done: Date.now(), number: ++noted }].slice(-KEPT) }));
}

export function noteCalls(calls: Omit<Call, "number">[]) {
  if (!calls.length) return;
  const numbered = calls.map((call) => ({ ...call, number: ++noted }));
  useSequence.setState((before) => ({ calls: [...before.calls, ...numbered].slice(-KEPT) }));
}

export const clear = () => useSequence.setState({ sent: [], calls: [] });

/** In the order in which they began, by the clocks of the browser and of the server, which are one as a rule. */
export function rowsOf({ sent, calls }: { sent: Sent[]; calls: Call[] }): Row[] {
  const exchanges = sent.map((one) => ({ sent: one, calls: [] as Call[] }));
  const alone: { call: Call }[] = [];
  for (const call of calls) {
    const asked = call.method === "PUSH" ? "wechat" : "server";
    const cause = exchanges.findLast(({ sent: one }) => one.to === asked && one.at <= call.at && call.at <= one.done);
    if (cause) cause.calls.push(call);
    else alone.push({ call });
  }
  const begun = (row: Row) => ("call" in row ? row.call.at : row.sent.at);
  return [...exchanges, ...alone].sort((one, other) => begun(one) - begun(other));
}
