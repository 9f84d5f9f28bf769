// Listens to all that the sequence shows: this page, the mini-program in the browser, and the journal of WeChat.

import { CHANNEL, type Exchange, onExchange } from "../traffic";
import { type Call, noteCalls, noteExchange } from "./store";

const address = new URL("simulator/device/calls", document.baseURI);
// Milliseconds after an exchange: what the server asks WeChat meanwhile, and what one of the two sends afterwards. Who
// asks all the time fills the server's log.
const LATER = [100, 1_500, 5_000];

let last: number | null = null;
let timers: number[] = [];
let latest: Promise<void> = Promise.resolve();

/** The calls since the last time; of what was before the page was opened none. One request at a time. */
function read() {
  latest = latest.then(async () => {
    const after = last;
    const newer = await journal(after ?? Number.MAX_SAFE_INTEGER);
    // A server that was started again counts anew.
    const isAnew = newer !== null && after !== null && after > newer.last;
    const found = isAnew ? await journal(0) : newer;
    if (!found) return;
    last = found.last;
    if (after !== null) noteCalls(found.calls);
  });
}

/** Null without an answer that is one. */
async function journal(after: number): Promise<{ calls: Omit<Call, "number">[]; last: number } | null> {
  const response = await fetch(`${address.href}?after=${after}`).catch(() => null);
  return response?.ok ? response.json().catch(() => null) : null;
}

function readSoon() {
  timers.forEach(clearTimeout);
  timers = LATER.map((pause) => setTimeout(read, pause));
}

function take(exchange: Exchange) {
  noteExchange(exchange);
  readSoon();
}

export function listen() {
  onExchange(take);
  new BroadcastChannel(CHANNEL).addEventListener("message", ({ data }: MessageEvent<Exchange>) => take(data));
  addEventListener("focus", read);
  read();
}
