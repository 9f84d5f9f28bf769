// The pages of the mini-program on the phone's screen, drawn by WeChat's own framework of components.

import * as glassEasel from "glass-easel";
import { app, pages, templates } from "miniprogram";
import { create } from "zustand";

interface PageOptions {
  data?: object;
  [name: string]: unknown;
}

/** A page that is open: the last one is in view. */
interface OpenPage {
  route: string;
  title: string;
  component: glassEasel.GeneralComponent;
  element: HTMLElement;
}

export const useScreen = create<{ stack: readonly OpenPage[] }>(() => ({ stack: [] }));

const space = new glassEasel.ComponentSpace();
const backend = new glassEasel.CurrentWindowBackendContext();
const definitions = new Map<string, glassEasel.GeneralComponentDefinition>();
let viewport: HTMLElement;
let loading = "";

/** What a page's script calls: a component whose functions are its methods. */
export function Page({ data = {}, ...rest }: PageOptions) {
  const methods = Object.fromEntries(Object.entries(rest).filter(([, value]) => typeof value === "function"));
  const template = { content: pages[loading]!.template, groupList: templates };
  definitions.set(loading, space.defineComponent({ is: loading, template, data, methods } as object).general());
}

/** From here on pages are drawn within this element. */
export function drawIn(element: HTMLElement) {
  viewport = element;
}

export const screen = {
  navigateTo(url: string) {
    call(top(), "onHide");
    open(url);
  },
  reLaunch(url: string) {
    for (const page of [...stack()].reverse()) close(page);
    open(url);
  },
  navigateBack() {
    if (stack().length < 2) return;
    close(top()!);
    show(top()!);
  },
  setTitle(title: string) {
    const shown = top();
    useScreen.setState({ stack: stack().map((page) => (page === shown ? { ...page, title } : page)) });
  },
  /** As when the user comes back to WeChat. */
  showAgain: () => call(top(), "onShow"),
  pullDown: () => call(top(), "onPullDownRefresh"),
  stopPullDownRefresh: () => {},
};

/** Sends an event from the innermost component that has this element, as WeChat does from what was tapped. */
export function trigger(target: Element, name: string, detail: object, bubbles = true) {
  let element: (Element & { __wxElement?: glassEasel.Element }) | null = target;
  while (element && !element.__wxElement) element = element.parentElement;
  if (element) glassEasel.Event.triggerEvent(element.__wxElement!, name, detail, { bubbles, composed: true });
}

const stack = () => useScreen.getState().stack;
const top = () => stack().at(-1);

function open(url: string) {
  const [path = "", query] = url.replace(/^\//, "").split("?");
  const page = pages[path];
  if (!page) throw new Error(`navigateTo:fail page "${path}" is not found`);
  if (!definitions.has(path)) {
    loading = path;
    page.load();
  }
  const component = glassEasel.Component.createWithContext("div", definitions.get(path)!, backend);
  const element = component.getBackendElement() as unknown as HTMLElement;
  element.className = "wx-page";
  element.dataset.route = path;
  const placeholder = viewport.appendChild(document.createElement("span"));
  glassEasel.Element.replaceDocumentElement(component, viewport as never, placeholder as never);
  const title = page.config.navigationBarTitleText ?? app.window.navigationBarTitleText ?? "";
  const opened = { route: path, title, component, element };
  useScreen.setState({ stack: [...stack(), opened] });
  call(opened, "onLoad", Object.fromEntries(new URLSearchParams(query)));
  show(opened);
}

function show(page: OpenPage) {
  for (const one of stack()) one.element.hidden = one.component !== page.component;
  viewport.scrollTop = 0;
  call(page, "onShow");
}

function close(page: OpenPage) {
  call(page, "onUnload");
  glassEasel.Element.pretendDetached(page.component);
  page.element.remove();
  useScreen.setState({ stack: stack().filter((one) => one.component !== page.component) });
}

function call(page: OpenPage | undefined, name: string, ...args: unknown[]) {
  const methods = page?.component.getMethodCaller() as Record<string, ((...args: unknown[]) => unknown) | undefined> | undefined;
  return methods?.[name]?.(...args);
}
