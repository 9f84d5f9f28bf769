// What the user reads when something went wrong, in both languages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, loaded, makePhone } from "./phone.mjs";

const HAN = /\p{Script=Han}/u;

test("every code has words in Chinese and in English", () => {
  makePhone();
  for (const [code, { zh, en }] of Object.entries(load("messages").MESSAGES)) {
    assert.match(zh, HAN, code);
    assert.match(en, /^[\x20-\x7e]+$/, code);
  }
});

test("a defect shows the number by which operators find the request", () => {
  makePhone({ storage: { "wxgate.language": "en" } });
  const { messageFor } = load("messages");
  const { ServerError } = loaded("graphql/transport");
  const error = new ServerError("", { code: "INTERNAL_SERVER_ERROR", action: "GIVE_UP", requestId: "request-1" });
  assert.equal(messageFor(error), "That did not work. Report this number: request-1");
  error.extensions.code = "A_CODE_OF_A_LATER_SERVER";
  assert.equal(messageFor(error), "That did not work. Report this number: request-1");
});
