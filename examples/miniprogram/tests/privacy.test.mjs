// The agreement that WeChat wants, where it cannot be asked for: `privacy.ts` alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, makePhone } from "./phone.mjs";

const failing = (errMsg) => ({ fail }) => fail({ errMsg });

/** A launch, and what WeChat does when an interface needs the agreement. */
function launched(more) {
  let need;
  makePhone();
  Object.assign(globalThis.wx, { onNeedPrivacyAuthorization: (listener) => { need = listener; }, ...more });
  const privacy = load("privacy");
  privacy.askWhenNeeded();
  return { ...privacy, need };
}

test("what waits is refused where the page that asks cannot open, and the next is asked for again", () => {
  const { need } = launched({ navigateTo: failing("navigateTo:fail webview count limit exceed") });
  for (const choices of [[], []]) {
    need(({ event }) => choices.push(event));
    assert.deepEqual(choices, ["exposureAuthorization", "disagree"]);
  }
});

test("without an answer of WeChat's the agreement is needed while something waits for it", async () => {
  const { need, privacySetting } = launched({
    navigateTo: () => undefined, getPrivacySetting: failing("getPrivacySetting:fail"),
  });
  assert.equal((await privacySetting()).needed, false);
  need(() => undefined);
  assert.equal((await privacySetting()).needed, true);
});
