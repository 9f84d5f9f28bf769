// The phone's side of the simulated WeChat, for what the mini-program asks.

import { titles } from "../simulator";
import { exchange } from "./exchange";
import { holder } from "./owner";

/** WeChat's answer to the owner, be it a refusal. */
export async function wechat(path: string, body: object): Promise<{ errMsg: string }> {
  const request = { ...holder, ...body };
  const url = new URL(`simulator/device/${path}`, document.baseURI);
  const headers = { "Content-Type": "application/json" };
  const about = { to: "wechat", title: titles[path]!, request } as const;
  const { text } = await exchange(about, url, { method: "POST", headers, body: JSON.stringify(request) });
  return JSON.parse(text);
}
