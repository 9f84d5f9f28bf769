// The phone's side of the simulated WeChat.

import { titles } from "../phone/simulator";
import { exchange } from "./traffic";

/** WeChat's answer, be it a refusal; without a body it is only asked for what it has. */
export async function wechat<T = { errMsg: string }>(path: string, body?: object): Promise<T> {
  const url = new URL(`simulator/device/${path}`, document.baseURI);
  if (!body) return (await fetch(url)).json();
  const headers = { "Content-Type": "application/json" };
  const about = { to: "wechat", title: titles[path] ?? path, request: body } as const;
  const { text } = await exchange(about, url, { method: "POST", headers, body: JSON.stringify(body) });
  return JSON.parse(text);
}
