// The part of `wx` that the example uses: real HTTP, WeChat's answers from the simulator, storage in a file.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { exchange, multipart } from "./http.mjs";

// As WeChat does: callbacks where there are any, otherwise a promise.
function answering(name, act) {
  return (options = {}) => {
    const done = Promise.resolve(act(options)).then((answer) => {
      if (answer.errMsg.startsWith(`${name}:ok`)) return answer;
      throw answer;
    });
    if (!options.success && !options.fail && !options.complete) return done;
    done.then(options.success, options.fail).finally(options.complete);
    return undefined;
  };
}

// What the owner's WeChat does, as the simulator plays it.
export async function device({ server, state }, path, body) {
  const options = { method: "POST", body: JSON.stringify({ user: state.user, ...body }) };
  return JSON.parse((await exchange(`${server}/simulator/device/${path}`, options)).text);
}

export function makeWx({ server, storageFile, state, log, navigation = {}, privacy }) {
  const wechat = (path, body) => device({ server, state }, path, body);
  let loggedIn;
  const login = new Promise((resolve) => { loggedIn = resolve; });
  const stored = () => JSON.parse(readFileSync(storageFile, "utf8"));
  // At once for a test that reads it meanwhile.
  const keep = (content) => {
    writeFileSync(`${storageFile}.new`, JSON.stringify(content));
    renameSync(`${storageFile}.new`, storageFile);
  };

  async function ask({ url, method = "GET", header = {}, data, dataType = "json", timeout = 60000 }) {
    const operation = operationIn(data);
    log.push(operation);
    const isSecond = log.filter((name) => name === operation).length === 2;
    if (state.offline) return { errMsg: "request:fail net::ERR_INTERNET_DISCONNECTED" };
    try {
      const body = typeof data === "object" ? JSON.stringify(data) : data;
      const sent = { ...header, "User-Agent": state.agent ?? "" };
      const { status, headers, text } = await exchange(url, { method, headers: sent, body, timeout });
      if (operation === "Login") loggedIn();
      // An answer that takes longer than somebody else's whole login.
      if (operation === state.late && isSecond) await login;
      // Answers that come when the test lets them, and answers that never do.
      if (operation === state.held) await new Promise((resolve) => { state.release = resolve; });
      if (state.lost?.[0] === operation) return { errMsg: `request:fail no answer to ${state.lost.shift()}` };
      const result = { errMsg: "request:ok", statusCode: status, header: headers, cookies: [] };
      return { ...result, data: dataType === "json" ? parsed(text) : text };
    } catch (error) {
      return { errMsg: `request:fail ${error.message}` };
    }
  }

  // One file a call, always by POST and as multipart/form-data; the body of the response is text, whatever it is.
  async function uploadFile({ url, filePath, name, header = {}, formData = {}, timeout }) {
    log.push("wx.uploadFile");
    if (state.offline) return { errMsg: "uploadFile:fail net::ERR_INTERNET_DISCONNECTED" };
    const content = state.files[filePath];
    if (!content) return { errMsg: "uploadFile:fail file not found" };
    try {
      const { type, body } = multipart(formData, { name, filename: filePath.split("/").pop(), content });
      const headers = { ...header, "Content-Type": type, "User-Agent": state.agent };
      const { status, text } = await exchange(url, { method: "POST", headers, body, timeout });
      if (state.lost?.[0] === "wx.uploadFile") return { errMsg: `uploadFile:fail no answer to ${state.lost.shift()}` };
      return { errMsg: "uploadFile:ok", statusCode: status, data: text };
    } catch (error) {
      return { errMsg: `uploadFile:fail ${error.message}` };
    }
  }

  const requested = answering("request", ask);
  const uploaded = answering("uploadFile", uploadFile);

  return {
    request: (options) => {
      requested(options);
      return { abort() {} };
    },
    // As Taro has it.
    requested,
    uploadFile: (options) => {
      uploaded(options);
      return { abort() {} };
    },
    login: answering("login", () => {
      log.push("wx.login");
      if (state.offline) return { errMsg: "login:fail net::ERR_INTERNET_DISCONNECTED" };
      // As Developer Tools without an AppID give it, always the same.
      if (state.isTourist) return { errMsg: "login:ok", code: "the code is a mock one" };
      return wechat("login", { renewSessionKey: state.renewSessionKey });
    }),
    // As of base library 2.20.1.
    canIUse: (name) => name !== "getDeviceInfo" || !state.isOld,
    getDeviceInfo: () => {
      if (state.isOld) throw new TypeError("wx.getDeviceInfo is not a function");
      return { ...state.hardware };
    },
    getSystemInfoSync: () => ({ ...state.hardware }),
    showModal: answering("showModal", ({ title }) => {
      state.shown.push(title);
      return { errMsg: "showModal:ok", confirm: state.agrees, cancel: !state.agrees };
    }),
    showToast: answering("showToast", ({ title }) => {
      state.shown.push(title);
      return { errMsg: "showToast:ok" };
    }),
    ...Object.fromEntries(["reLaunch", "navigateTo", "navigateBack"].map((name) => [name, answering(name, ({ url }) => {
      navigation[name](url);
      return { errMsg: `${name}:ok` };
    })])),
    setNavigationBarTitle: answering("setNavigationBarTitle", ({ title }) => {
      state.titles?.push(title);
      return { errMsg: "setNavigationBarTitle:ok" };
    }),
    getUpdateManager: () => ({
      onUpdateReady: (listener) => { state.updateReady = listener; },
      onUpdateFailed: (listener) => { state.updateFailed = listener; },
      applyUpdate: () => void state.shown.push("restarted"),
    }),
    ...privacy?.wx,
    setClipboardData: answering("setClipboardData", async ({ data }) => {
      await privacy?.permitted("setClipboardData");
      state.clipboard = data;
      return { errMsg: "setClipboardData:ok" };
    }),
    stopPullDownRefresh: answering("stopPullDownRefresh", () => {
      state.shown.push("refreshed");
      return { errMsg: "stopPullDownRefresh:ok" };
    }),
    getUserInfo: answering("getUserInfo", ({ withCredentials, lang }) => {
      log.push("wx.getUserInfo");
      const deny = state.authSetting["scope.userInfo"] !== true;
      return wechat("user-info", { withCredentials, lang, deny, policy: state.policy });
    }),
    getSetting: answering("getSetting", () => ({ errMsg: "getSetting:ok", authSetting: { ...state.authSetting } })),
    authorize: answering("authorize", ({ scope }) => {
      log.push("wx.authorize");
      state.authSetting[scope] ??= state.agrees;
      return { errMsg: state.authSetting[scope] ? "authorize:ok" : "authorize:fail auth deny" };
    }),
    getStorageSync: (key) => stored()[key] ?? "",
    setStorageSync: (key, value) => keep({ ...stored(), [key]: value }),
    removeStorageSync: (key) => keep({ ...stored(), [key]: undefined }),
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// Whatever the operation is asked for by, its text or its id.
function operationIn(data) {
  const { query, documentId } = typeof data === "string" ? JSON.parse(data) : data;
  return /(?:query|mutation) (\w+)/.exec(query)?.[1] ?? documentId;
}
