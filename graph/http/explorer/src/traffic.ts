// What this page sends as a phone would, to the server and to WeChat, for those who draw it.

/** The BroadcastChannel on which the phone's page sends each exchange to others of its origin. */
export const CHANNEL = "wxgate-traffic";

/** One exchange that is complete. */
export interface Exchange {
  /** When it began, in epoch milliseconds. */
  at: number;
  to: "server" | "wechat";
  title: string;
  request: unknown;
  /** Null where there was no answer. */
  status: number | null;
  response: unknown;
}

const listeners = new Set<(exchange: Exchange) => void>();

/** Calls `listener` for every exchange from now on. */
export function onExchange(listener: (exchange: Exchange) => void) {
  listeners.add(listener);
}

/** What `ask` resolves to, or raises; listeners hear of it first. */
export async function recorded<Response extends { status: number; body: unknown }>(
  { to, title, request }: Pick<Exchange, "to" | "title" | "request">,
  ask: () => Promise<Response>,
): Promise<Response> {
  const at = Date.now();
  const record = (status: number | null, response: unknown) =>
    listeners.forEach((listener) => listener({ at, to, title, request, status, response }));
  try {
    const response = await ask();
    record(response.status, response.body);
    return response;
  } catch (error) {
    record(null, (error as Error).message);
    throw error;
  }
}
