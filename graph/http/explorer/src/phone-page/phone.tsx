// The drawn phone: its frame, WeChat's bar above the page, and beside it what only a simulation has.

import { app, config, launch, pages, theme } from "miniprogram";
import { type CSSProperties, type MouseEvent, type SubmitEvent, useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";
import { inLanguage, useLanguage } from "../language";
import { makeButtons } from "./buttons.mjs";
import { NicknameKeyboard } from "./keyboard";
import { forget, owner, storage } from "./owner";
import { OwnerSelect } from "./owner-select";
import { makePrivacy } from "./privacy.mjs";
import { drawIn, Page, screen, trigger, useScreen } from "./screen";
import { ask, SheetInFront, useSheet } from "./sheets";
import { showToast, ToastInFront } from "./toast";
import { server, transport } from "./transport";
import { wechat } from "./wechat";
import { makeWx } from "./wx.mjs";
import "./phone.css";
import "./sheets.css";
import "./elements.css";

const privacy = makePrivacy(owner, () => void ask({ kind: "contract" }));
const shown = {
  ...screen,
  showToast,
  showModal: async (options: object) => (await ask({ kind: "modal", ...options })) === true,
  async copy(text: string) {
    // There is no clipboard on plain HTTP from afar.
    await navigator.clipboard?.writeText(text).catch(() => Promise.reject({ errMsg: "setClipboardData:fail" }));
    showToast(navigator.clipboard ? { title: inLanguage("Copied", "内容已复制") } : { title: inLanguage("No clipboard here", "无法使用剪贴板"), icon: "none" });
  },
  // No new version comes while the page is open.
  updates: { onUpdateReady() {}, onUpdateFailed() {}, applyUpdate() {} },
};
const wx = makeWx({ transport, wechat, storage, screen: shown, owner, privacy });
const buttons = makeButtons({ wx, wechat, owner, privacy });

export function showPhone() {
  createRoot(document.getElementById("phone")!).render(<Phone />);
}

function start() {
  config.server = server;
  config.language = useLanguage.getState().language;
  useLanguage.subscribe(({ language }) => {
    config.language = language;
    screen.showAgain();
  });
  Object.assign(globalThis, { wx, Page, App: (options: { onLaunch?: () => void }) => options.onLaunch?.() });
  launch();
  screen.reLaunch(app.pages[0]!);
}

async function tapped(event: MouseEvent) {
  const target = event.target as Element;
  const link = target.closest("a[href]");
  const button = target.closest("button[open-type]");
  if (link) event.preventDefault();
  trigger(target, "tap", {});
  if (link) screen.navigateTo(link.getAttribute("href")!.slice(1));
  if (!button) return;
  const openType = button.getAttribute("open-type")!;
  const unanswered = (error: Error) => ({ event: openType.toLowerCase(), detail: { errMsg: `${openType}:fail ${error.message}` } });
  const { event: name, detail } = await buttons.tap(openType).catch(unanswered);
  trigger(button, name, detail, false);
}

function submitted(event: SubmitEvent<HTMLElement>) {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  trigger(form, "submit", { value: Object.fromEntries(new FormData(form)) });
}

function Phone() {
  useLanguage();
  const viewport = useRef<HTMLDivElement>(null);
  const { stack } = useScreen();
  const { sheet } = useSheet();
  const page = stack.at(-1);
  useEffect(() => {
    drawIn(viewport.current!);
    start();
  }, []);

  const { navigationBarBackgroundColor: bar = "#fff", backgroundColor: back = "#fff" } = app.window;
  const color = (name: string, scheme: "light" | "dark") => (name.startsWith("@") ? theme[scheme]?.[name.slice(1)] : name);
  const colors = Object.fromEntries(
    (["light", "dark"] as const).flatMap((scheme) => [[`--bar-${scheme}`, color(bar, scheme)], [`--back-${scheme}`, color(back, scheme)]]),
  ) as CSSProperties;
  return (
    <>
      <header className="phone-beside">
        <h1>{inLanguage("Example mini-program", "示例小程序")}</h1>
        <OwnerSelect />
        <button type="button" disabled={!page || !pages[page.route]!.config.enablePullDownRefresh} onClick={() => void screen.pullDown()}>
          {inLanguage("Pull down", "下拉刷新")}
        </button>
        <button type="button" onClick={() => { forget(); location.reload(); }}>{inLanguage("Reinstall", "重新安装")}</button>
      </header>
      <section className="phone-frame" style={colors} aria-label={inLanguage("Screen of the phone", "手机屏幕")}>
        <div className="phone-status" aria-hidden="true"><span>9:41</span><span>5G ▮</span></div>
        <div className="phone-bar" inert={sheet !== null}>
          {stack.length > 1 && <button type="button" aria-label={inLanguage("Back", "返回")} onClick={() => screen.navigateBack()}>‹</button>}
          <h2>{page?.title}</h2>
          <span className="phone-capsule" aria-hidden="true">•••　◉</span>
        </div>
        <div
          className="phone-viewport"
          ref={viewport}
          tabIndex={-1}
          inert={sheet !== null}
          onClick={(event) => void tapped(event)}
          onSubmit={submitted}
          onInput={({ target }) => trigger(target as Element, "input", { value: (target as HTMLInputElement).value })}
        />
        <NicknameKeyboard viewport={viewport} />
        <ToastInFront />
        <SheetInFront />
      </section>
    </>
  );
}
