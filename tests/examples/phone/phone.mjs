// A phone that runs the built mini-program in argv[2] against the server in argv[3], as JSON lines on stdin tell it.
// Each line is answered with one: what the command gives, or its error.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { JSDOM } from "jsdom";
import { makeButtons } from "../../../graph/http/explorer/src/phone-page/buttons.mjs";
import { makePrivacy } from "../../../graph/http/explorer/src/phone-page/privacy.mjs";
import { makeWx } from "../../../graph/http/explorer/src/phone-page/wx.mjs";
import { makePlace } from "./place.mjs";
import { becomeMiniProgram } from "./runtime.mjs";

const [miniprogram, server, storageFile] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const log = [];
const state = {
  user: "me",
  policy: "old",
  agrees: true,
  authSetting: {},
  offline: false,
  hardware: { brand: "Xiaomi", model: "2211133C" },
  files: {},
  agent: "Mozilla/5.0 (Linux; Android 14; 2211133C) MicroMessenger/8.0.48.2580(0x28003036) MiniProgramEnv/android",
  shown: [],
  titles: [],
};

const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
Object.assign(globalThis, { window, document: window.document });
for (const name of ["Element", "Event", "CustomEvent", "MutationObserver", "Node", "HTMLElement"]) globalThis[name] = window[name];
const simulate = require("miniprogram-simulate");
const privacy = makePrivacy(state, () => state.shown.push("contract"));
const screen = {
  reLaunch,
  navigateBack,
  navigateTo: (url) => COMMANDS.open({ page: nameIn(url) }),
  showModal({ title }) {
    state.shown.push(title);
    return state.agrees;
  },
  showToast: ({ title }) => void state.shown.push(title),
  setTitle: (title) => void state.titles.push(title),
  stopPullDownRefresh: () => void state.shown.push("refreshed"),
  copy: (text) => { state.clipboard = text; },
  updates: {
    onUpdateReady: (listener) => { state.updateReady = listener; },
    onUpdateFailed: (listener) => { state.updateFailed = listener; },
    applyUpdate: () => void state.shown.push("restarted"),
  },
};
const place = { ...makePlace({ server, storageFile, state, log }), screen, privacy };
globalThis.wx = makeWx(place);
const { authorize } = wx;
wx.authorize = (options) => {
  log.push("wx.authorize");
  return authorize(options);
};
const buttons = makeButtons({ ...place, wx });
globalThis.App = (app) => app.onLaunch();
// miniprogram-simulate knows components only; a page is one whose functions are its methods.
globalThis.Page = ({ data, ...rest }) => globalThis.Component({ data, methods: rest });
becomeMiniProgram();

const pages = new Map();

function nameIn(url) {
  return url.split("/").pop();
}

function reLaunch(url) {
  for (const rendered of pages.values()) rendered.detach();
  pages.clear();
  COMMANDS.open({ page: nameIn(url) });
}

function navigateBack() {
  const [name, rendered] = [...pages].pop();
  rendered.instance.onUnload?.();
  rendered.detach();
  pages.delete(name);
}

function found(page, selector) {
  const element = pages.get(page).querySelector(selector);
  if (!element) throw new Error(`${page} has no ${selector}: ${pages.get(page).dom.innerHTML}`);
  return element;
}

// A button whose open-type uses private data waits for the agreement, and its owner goes on meanwhile.
async function act(button, openType) {
  const { event, detail } = await buttons.tap(openType);
  if (openType === "getUserInfo" && state.authSettingAfterTap) state.authSetting = { ...state.authSettingAfterTap };
  button.dispatchEvent(event, { detail });
}

const COMMANDS = {
  set: (changes) => void Object.assign(state, changes),
  configure: (changes) => void Object.assign(require(`${miniprogram}/config.js`).config, changes),
  // Together, as WeChat does it: a login that is refused at once must not be over before the page waits for it.
  launch({ pages: opened }) {
    require(`${miniprogram}/app.js`);
    for (const page of opened) COMMANDS.open(typeof page === "string" ? { page } : page);
  },
  open({ page, as = page }) {
    const id = simulate.load(`${miniprogram}/pages/${page}/${page}`, { compiler: "simulate", rootPath: miniprogram });
    const rendered = simulate.render(id);
    rendered.attach(window.document.body);
    pages.set(as, rendered);
    rendered.instance.onLoad?.({});
    rendered.instance.onShow?.();
  },
  show: ({ page }) => void pages.get(page).instance.onShow(),
  pull: ({ page }) => pages.get(page).instance.onPullDownRefresh(),
  async tap({ page, selector }) {
    const button = found(page, selector);
    const openType = button.toJSON().attrs.find(({ name }) => name === "open-type")?.value;
    if (!openType) return void button.dispatchEvent("tap", { detail: {} });
    const acted = act(button, openType);
    if (!(buttons.isPrivate(openType) && state.privacy === "needed")) await acted;
  },
  back: () => navigateBack(),
  update: ({ failed }) => void (failed ? state.updateFailed : state.updateReady)({}),
  submit: ({ page, selector, value }) => void found(page, selector).dispatchEvent("submit", { detail: { value } }),
  text: ({ page, selector }) => pages.get(page).querySelector(selector)?.dom.textContent.trim() ?? null,
  texts: ({ page, selector }) => pages.get(page).querySelectorAll(selector).map((one) => one.dom.textContent.trim()),
  attribute: ({ page, selector, name }) => found(page, selector).toJSON().attrs.find((one) => one.name === name)?.value ?? null,
  screen: () => Object.fromEntries([...pages].map(([page, rendered]) => [page, rendered.dom.innerHTML])),
  // What is held may still be on its way.
  async release() {
    while (!state.release) await new Promise((resolve) => { setTimeout(resolve, 5); });
    state.release();
  },
  clipboard: () => state.clipboard,
  log: () => log.splice(0),
  shown: () => state.shown.splice(0),
  titles: () => state.titles.splice(0),
};

process.on("unhandledRejection", (reason) => {
  process.stderr.write(`unhandled rejection: ${JSON.stringify(reason) ?? ""} ${reason?.stack ?? ""}\n`);
  process.exitCode = 1;
});

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line);
  const answer = await Promise.resolve().then(() => COMMANDS[command](options)).then(
    (result) => ({ result: result ?? null }),
    (error) => ({ error: error.stack ?? String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
