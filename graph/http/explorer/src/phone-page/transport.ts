// How the mini-program reaches the server: by the browser's fetch, from the page's own origin.

import { faceOf } from "../simulator";
import { exchange } from "./exchange";
import { fileAt } from "./files";
import { app, user } from "./owner";
import { operationIn } from "./wx.mjs";

/** Where the server is that has sent this page. */
export const server = new URL(".", document.baseURI).href.replace(/\/$/, "");

const GREY = "/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/";

interface Request {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string;
  timeout: number;
}

interface Upload extends Omit<Request, "method" | "body"> {
  filePath: string;
  name: string;
}

// WeChat would name the mini-program in the Referer.
const named: Record<string, string> = app === null ? {} : { "X-Wxgate-App": app };

export const transport = {
  async request({ url, method, headers, body, timeout }: Request) {
    const about = { to: "server", title: operationIn(body), request: body && JSON.parse(body) } as const;
    const answer = await exchange(about, url, { method, headers: { ...headers, ...named }, body, signal: AbortSignal.timeout(timeout) });
    return { ...answer, text: addressedHere(answer.text) };
  },
  async upload({ url, filePath, name, headers, timeout }: Upload) {
    const file = fileAt(filePath);
    if (!file) throw new Error("file not found");
    const form = new FormData();
    form.append(name, file, "picture");
    const request = { [name]: `${file.type}, ${file.size} bytes` };
    const about = { to: "server", title: `POST ${new URL(url).pathname}`, request } as const;
    return exchange(about, url, { method: "POST", headers, body: form, signal: AbortSignal.timeout(timeout) });
  },
};

/**
 * Pictures from the page's own origin, and no other is allowed: the server may know itself by another address, and
 * what the simulator signs as WeChat's is nowhere to be had. The grey one that WeChat gives everybody counts as none.
 * An address ends before a backslash, too: the copy of the user's data is JSON in a string of JSON.
 */
function addressedHere(text: string): string {
  return text
    .replace(/https?:\/\/[^"\\]*\/avatars\/(\w+\.jpg)/g, (_, name) => `${server}/avatars/${name}`)
    .replace(/https:\/\/thirdwx\.qlogo\.cn\/[^"\\]*/g, (address) => (address.includes(GREY) ? "" : faceOf(user)));
}
