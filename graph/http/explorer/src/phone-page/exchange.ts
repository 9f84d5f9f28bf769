// An exchange of the phone's, which other pages of this origin may draw.

import { CHANNEL, type Exchange, onExchange, recorded } from "../traffic";
import { parsed } from "./wx.mjs";

const channel = new BroadcastChannel(CHANNEL);
onExchange((exchange) => channel.postMessage(exchange));

/** Sends a request, `about.request` being what its body is shown as. Raises an Error in WeChat's words without an answer. */
export async function exchange(about: Pick<Exchange, "to" | "title" | "request">, url: string | URL, options: RequestInit) {
  const { status, headers, text } = await recorded(about, async () => {
    const response = await fetch(url, options).catch((error: Error) => {
      throw new Error(error.name === "TimeoutError" ? "timeout" : "net::ERR_CONNECTION_FAILED");
    });
    const text = await response.text();
    return { status: response.status, headers: Object.fromEntries(response.headers), text, body: parsed(text) };
  });
  return { status, headers, text };
}
