// A phone for unit tests: storage, `wx.login`, and answers to requests as the test gives them, by operation.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const BUILT = new URL("../miniprogram/", import.meta.url).pathname;

/** Modules of the mini-program as a launch loads them: what the last test left in them is gone. */
export function load(name) {
  for (const path of Object.keys(require.cache)) if (path.startsWith(BUILT)) delete require.cache[path];
  return loaded(name);
}

/** A module of the same launch. */
export function loaded(name) {
  return require(`${BUILT}${name}.js`);
}

/** Answers to operations in their order, the last one again and again; `sent` notes what was asked, and by which token. */
export function makePhone({ storage = {}, answers = {} } = {}) {
  const phone = { storage: { ...storage }, sent: [], codes: 0 };
  globalThis.wx = {
    login: async () => ({ code: `code ${(phone.codes += 1)}` }),
    request: ({ data, header, success, fail }) => {
      const operation = /(?:query|mutation) (\w+)/.exec(data.query)[1];
      phone.sent.push([operation, header.Authorization?.replace("Bearer ", "") ?? null]);
      const mine = answers[operation];
      const answer = mine.length > 1 ? mine.shift() : mine[0];
      setTimeout(() => (answer ? success({ statusCode: 200, data: answer }) : fail({ errMsg: "request:fail" })));
    },
    canIUse: () => true,
    getDeviceInfo: () => ({ brand: "Xiaomi", model: "2211133C" }),
    getStorageSync: (key) => phone.storage[key] ?? "",
    setStorageSync: (key, value) => { phone.storage[key] = value; },
    removeStorageSync: (key) => { delete phone.storage[key]; },
  };
  return phone;
}

export const loggedIn = (token) => ({ data: { login: { token, user: { id: "1" } } } });
export const refused = (code, action, more = {}) => ({
  errors: [{ message: code, extensions: { code, action, requestId: "request-1", ...more } }],
});
