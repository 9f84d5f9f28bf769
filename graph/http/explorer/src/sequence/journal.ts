// Listens to all that the sequence shows: this page, the mini-program in the browser, and the journal of WeChat.

import { type Exchange, onExchange } from "../traffic";
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
    const response = await fetch(`${address.href}?after=${after ?? Number.MAX_SAFE_INTEGER}`).catch(() => null);
    if (!response?.ok) return;
    const found: { calls: Call[]; last: number } = await response.json();
    // A server that was started again counts anew.
    last = found.last;
    if (after !== null && after <= found.last) noteCalls(found.calls);
  });
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
  new BroadcastChannel("wxgate-traffic").addEventListener("message", ({ data }: MessageEvent<Exchange>) => take(data));
  addEventListener("focus", read);
  read();
}
