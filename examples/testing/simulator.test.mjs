// vitest: a server against a simulated WeChat; in place of the server, its one call is made by hand.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startSimulator } from "./wechat.cjs";

let wechat;

beforeAll(async () => {
  wechat = await startSimulator({ args: ["--seed", "1"] });
}, 30_000);
beforeEach(() => wechat.heal());
afterAll(() => wechat.stop());

async function code2Session(js_code) {
  const query = { appid: wechat.appId, secret: wechat.appSecret, js_code, grant_type: "authorization_code" };
  return (await fetch(`${wechat.url}/sns/jscode2session?${new URLSearchParams(query)}`)).json();
}

test("a code is good for one session", async () => {
  const code = await wechat.login("Li Lei");
  expect(await code2Session(code)).toMatchObject({ openid: expect.stringMatching(/^o/) });
  expect(await code2Session(code)).toMatchObject({ errcode: 40163 });
});

test("a code is good for five minutes", async () => {
  const code = await wechat.login("Li Lei");
  await wechat.advance(301);
  expect(await code2Session(code)).toMatchObject({ errcode: 40029 });
});

test("WeChat is busy", async () => {
  await wechat.fail("errcode", { path: "/sns/jscode2session", errcode: 45011 });
  expect(await code2Session(await wechat.login("Li Lei"))).toMatchObject({ errcode: 45011 });
  expect((await wechat.calls()).at(-1)).toMatchObject({ fault: "errcode", user: "Li Lei" });
});

test("a user is blocked", async () => {
  await wechat.block("Han Meimei");
  expect(await code2Session(await wechat.login("Han Meimei"))).toMatchObject({ errcode: 40226 });
});

test("a wrong field is refused with a sentence", async () => {
  await expect(wechat.login("Li Lei", { gender: 9 })).rejects.toThrow("login:fail gender: ");
});
