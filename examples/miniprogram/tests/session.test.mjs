// Who is signed in, and what is done about errors: `session.ts` alone, without a server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load, loaded, loggedIn, makePhone, refused } from "./phone.mjs";

const ME = { data: { me: { id: "1" } } };
const EXPIRED = refused("UNAUTHENTICATED", "LOG_IN");
const me = () => loaded("generated/graphql").MeDocument;
const TOKEN = "wxgate.token";

test("callers that ask at once share one login", async () => {
  const phone = makePhone({ answers: { Login: [loggedIn("a")], Me: [ME] } });
  const { run } = load("session");
  await Promise.all([run(me(), {}), run(me(), {}), run(me(), {})]);
  assert.deepEqual(phone.sent, [["Login", null], ["Me", "a"], ["Me", "a"], ["Me", "a"]]);
});

test("an expired token is replaced once for all who use it, and the operation repeated", async () => {
  const phone = makePhone({ storage: { [TOKEN]: "old" }, answers: { Login: [loggedIn("new")], Me: [EXPIRED, EXPIRED, ME] } });
  const { run } = load("session");
  await Promise.all([run(me(), {}), run(me(), {})]);
  assert.deepEqual(phone.sent.filter(([name]) => name === "Login"), [["Login", "old"]]);
  assert.deepEqual(phone.sent.slice(-2), [["Me", "new"], ["Me", "new"]]);
  assert.equal(phone.storage[TOKEN], "new");
});

test("a server that asks to wait is asked again, but not for ever", async () => {
  const phone = makePhone({
    storage: { [TOKEN]: "a" }, answers: { Me: [refused("SERVICE_UNAVAILABLE", "WAIT", { retryAfterMs: 1 })] },
  });
  await assert.rejects(load("session").run(me(), {}), /SERVICE_UNAVAILABLE/);
  assert.equal(phone.sent.length, 4);
});

test("a wait that is too long for a user is left to them", async () => {
  const phone = makePhone({
    storage: { [TOKEN]: "a" }, answers: { Me: [refused("RATE_LIMITED", "WAIT", { retryAfterMs: 60_000 })] },
  });
  await assert.rejects(load("session").run(me(), {}), /RATE_LIMITED/);
  assert.equal(phone.sent.length, 1);
});

test("a user who signed out stays out until they sign in", async () => {
  const phone = makePhone({ storage: { [TOKEN]: "a" }, answers: { Logout: [{ data: { logout: true } }], Login: [loggedIn("b")] } });
  const { run, signIn, SignedOut, signOut } = load("session");
  assert.equal(await signOut(), true);
  assert.equal(phone.storage[TOKEN], undefined);
  await assert.rejects(run(me(), {}), SignedOut);
  assert.equal(await signIn(), "b");
  assert.deepEqual(phone.sent, [["Logout", "a"], ["Login", null]]);
});

test("without a network signing out forgets on the phone alone", async () => {
  const phone = makePhone({ storage: { [TOKEN]: "a" }, answers: { Logout: [undefined] } });
  assert.equal(await load("session").signOut(), false);
  assert.equal(phone.storage[TOKEN], undefined);
});

test("a launch logs in only where the session_key is gone", async () => {
  for (const [checkSession, logins] of [[true, 0], [false, 1]]) {
    const phone = makePhone({
      storage: { [TOKEN]: "a" }, answers: { CheckSession: [{ data: { checkSession } }], Login: [loggedIn("b")] },
    });
    await load("session").start();
    assert.equal(phone.sent.filter(([name]) => name === "Login").length, logins);
  }
});
