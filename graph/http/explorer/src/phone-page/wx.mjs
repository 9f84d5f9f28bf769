// The part of `wx` that the example mini-program uses: WeChat's answers from the simulator, for any place it runs in.
//
// A place is a browser's page or a test. It brings `transport` (`request` and `upload`, which raise an Error without an
// answer), `wechat(path, body)` for the simulator's side of the phone, `storage`, `screen` for what the user sees,
// `owner` for whose phone it is and what they allow, and `privacy`.

/** As WeChat does: callbacks where there are any, otherwise a promise; and an `errMsg` for whatever went wrong. */
function answering(name, act) {
  const failed = (error) => {
    throw error instanceof Error ? { errMsg: `${name}:fail ${error.message}` } : error;
  };
  return (options = {}) => {
    const done = (async () => act(options))().catch(failed).then((answer) => {
      if (answer.errMsg.startsWith(`${name}:ok`)) return answer;
      throw answer;
    });
    if (!options.success && !options.fail && !options.complete) return done;
    done.then(options.success, options.fail).finally(options.complete);
    return undefined;
  };
}

/** @param {any} place */
export function makeWx({ transport, wechat, storage, screen, owner, privacy }) {
  async function request({ url, method = "GET", header = {}, data, dataType = "json", timeout = 60000 }) {
    const body = typeof data === "object" ? JSON.stringify(data) : data;
    const { status, headers, text } = await transport.request({ url, method, headers: header, body, timeout });
    const result = { errMsg: "request:ok", statusCode: status, header: headers, cookies: [] };
    return { ...result, data: dataType === "json" ? parsed(text) : text };
  }

  // One file a call, always by POST and as multipart/form-data; the body of the response is text, whatever it is.
  async function uploadFile({ url, filePath, name, header = {}, timeout }) {
    const { status, text } = await transport.upload({ url, filePath, name, headers: header, timeout });
    return { errMsg: "uploadFile:ok", statusCode: status, data: text };
  }

  const requested = answering("request", request);
  const uploaded = answering("uploadFile", uploadFile);
  const done = (name, act) => answering(name, async (options) => {
    await act(options);
    return { errMsg: `${name}:ok` };
  });

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
    login: answering("login", () => wechat("login", {})),
    // As of base library 2.20.1.
    canIUse: (name) => name !== "getDeviceInfo" || !owner.isOld,
    getDeviceInfo: () => {
      if (owner.isOld) throw new TypeError("wx.getDeviceInfo is not a function");
      return { ...owner.hardware };
    },
    getSystemInfoSync: () => ({ ...owner.hardware }),
    showModal: answering("showModal", async (options) => {
      const confirm = await screen.showModal(options);
      return { errMsg: "showModal:ok", confirm, cancel: !confirm };
    }),
    showToast: done("showToast", screen.showToast),
    reLaunch: done("reLaunch", ({ url }) => screen.reLaunch(url)),
    navigateTo: done("navigateTo", ({ url }) => screen.navigateTo(url)),
    navigateBack: done("navigateBack", () => screen.navigateBack()),
    setNavigationBarTitle: done("setNavigationBarTitle", ({ title }) => screen.setTitle(title)),
    stopPullDownRefresh: done("stopPullDownRefresh", () => screen.stopPullDownRefresh()),
    getUpdateManager: () => screen.updates,
    ...privacy.wx,
    setClipboardData: answering("setClipboardData", async ({ data }) => {
      await privacy.permitted("setClipboardData");
      await screen.copy(data);
      return { errMsg: "setClipboardData:ok" };
    }),
    getUserInfo: answering("getUserInfo", ({ withCredentials, lang }) => {
      const deny = owner.authSetting["scope.userInfo"] !== true;
      return wechat("user-info", { withCredentials, lang, deny, policy: owner.policy });
    }),
    getSetting: answering("getSetting", () => ({ errMsg: "getSetting:ok", authSetting: { ...owner.authSetting } })),
    authorize: answering("authorize", async ({ scope }) => {
      owner.authSetting[scope] ??= await owner.allows(scope);
      return { errMsg: owner.authSetting[scope] ? "authorize:ok" : "authorize:fail auth deny" };
    }),
    getStorageSync: (key) => storage.get()[key] ?? "",
    setStorageSync: (key, value) => storage.set({ ...storage.get(), [key]: value }),
    removeStorageSync: (key) => storage.set({ ...storage.get(), [key]: undefined }),
  };
}

/** JSON, or the text that is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What the operation is called, whether it is asked for by its text or by its id. */
export function operationIn(body) {
  const { query, documentId } = JSON.parse(body);
  return /(?:query|mutation) (\w+)/.exec(query)?.[1] ?? documentId;
}
