// Where the tests run a mini-program: real HTTP that a test may disturb, WeChat from the simulator, storage in a file.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { extname } from "node:path";
import { operationIn } from "../../../graph/http/explorer/src/phone-page/wx.mjs";
import { exchange, multipart } from "./http.mjs";

const OFFLINE = new Error("net::ERR_INTERNET_DISCONNECTED");
const NAMES = { login: "wx.login", "user-info": "wx.getUserInfo" };

/** What `makeWx` takes but for the screen and the privacy; `state` is what the tests set. */
export function makePlace({ server, storageFile, state, log }) {
  let loggedIn;
  const login = new Promise((resolve) => { loggedIn = resolve; });

  // What the owner's WeChat does, as the simulator plays it.
  async function wechat(path, body) {
    if (NAMES[path]) log.push(NAMES[path]);
    if (path === "login") {
      if (state.offline) throw OFFLINE;
      // As Developer Tools without an AppID give it, always the same.
      if (state.isTourist) return { errMsg: "login:ok", code: "the code is a mock one" };
    }
    const options = { method: "POST", body: JSON.stringify({ user: state.user, ...body }) };
    return JSON.parse((await exchange(`${server}/simulator/device/${path}`, options)).text);
  }

  async function request({ url, method, headers, body, timeout }) {
    const operation = operationIn(body);
    log.push(operation);
    const isSecond = log.filter((name) => name === operation).length === 2;
    if (state.offline) throw OFFLINE;
    const answer = await exchange(url, { method, headers: { ...headers, "User-Agent": state.agent ?? "" }, body, timeout });
    if (operation === "Login") loggedIn();
    // An answer that takes longer than somebody else's whole login.
    if (operation === state.late && isSecond) await login;
    // Answers that come when the test lets them, and answers that never do.
    if (operation === state.held) await new Promise((resolve) => { state.release = resolve; });
    if (state.lost?.[0] === operation) throw new Error(`no answer to ${state.lost.shift()}`);
    return answer;
  }

  async function upload({ url, filePath, name, headers, timeout }) {
    log.push("wx.uploadFile");
    if (state.offline) throw OFFLINE;
    const content = state.files[filePath];
    if (!content) throw new Error("file not found");
    const { type, body } = multipart({ name, filename: filePath.split("/").pop(), content });
    const sent = { ...headers, "Content-Type": type, "User-Agent": state.agent };
    const answer = await exchange(url, { method: "POST", headers: sent, body, timeout });
    if (state.lost?.[0] === "wx.uploadFile") throw new Error(`no answer to ${state.lost.shift()}`);
    return answer;
  }

  const storage = {
    get: () => JSON.parse(readFileSync(storageFile, "utf8")),
    // At once for a test that reads it meanwhile.
    set: (content) => {
      writeFileSync(`${storageFile}.new`, JSON.stringify(content));
      renameSync(`${storageFile}.new`, storageFile);
    },
  };

  const owner = Object.assign(state, {
    allows: () => state.agrees,
    changesSettings: () => { state.authSetting["scope.userInfo"] = state.agrees; },
    givesNumber: () => ({ deny: !state.agrees, quota: state.quota, style: state.isOld ? "old" : "both", ...state.number }),
    // A picture of the test's own, or a face from the simulator.
    async choosesPicture() {
      if (state.cancels) return null;
      const chosen = state.picture ?? (await wechat("choose-avatar", { face: state.face })).avatarUrl;
      const path = `wxfile://tmp_${Object.keys(state.files).length}${extname(chosen)}`;
      state.files[path] = state.picture
        ? readFileSync(chosen)
        : (await exchange(`${server}/simulator${chosen}`, { method: "GET" })).content;
      return path;
    },
  });

  // A tap that brings what the one before did.
  const again = async (path, body) => {
    if (path !== "phone-number") return wechat(path, body);
    if (!state.givesAgain) state.given = await wechat(path, body);
    return state.given;
  };

  return { transport: { request, upload }, wechat: again, storage, owner };
}
