// What goes out of the phone and comes back, for other pages of this origin to draw.

/** One exchange that is complete. */
interface Exchange {
  /** Milliseconds since 1970, when it began. */
  at: number;
  to: "server" | "wechat";
  title: string;
  request: unknown;
  /** null: no answer. */
  status: number | null;
  response: unknown;
}

const channel = new BroadcastChannel("wxgate-traffic");

/** Sends a request. Raises an Error of WeChat's words without an answer; `shown` is what its body is shown as. */
export async function exchange(
  { to, title, shown }: { to: Exchange["to"]; title: string; shown: unknown }, url: string | URL, options: RequestInit,
): Promise<{ status: number; headers: Record<string, string>; text: string }> {
  const sent = { at: Date.now(), to, title, request: shown };
  const announce = (status: number | null, response: unknown) =>
    channel.postMessage({ ...sent, status, response } satisfies Exchange);
  try {
    const response = await fetch(url, options);
    const text = await response.text();
    announce(response.status, parsed(text));
    return { status: response.status, headers: Object.fromEntries(response.headers), text };
  } catch (error) {
    announce(null, null);
    throw new Error((error as Error).name === "TimeoutError" ? "timeout" : "net::ERR_CONNECTION_FAILED");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
