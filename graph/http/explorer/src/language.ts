// The language of this page: what the browser prefers, until the user switches.

import { create } from "zustand";

export type Language = "en" | "zh";

const KEY = "wxgate:language";

const preferred = (): Language => {
  const kept = localStorage.getItem(KEY);
  return kept === "en" || kept === "zh" ? kept : navigator.language.startsWith("zh") ? "zh" : "en";
};

export const useLanguage = create<{ language: Language }>(() => ({ language: preferred() }));

export function speak(language: Language) {
  localStorage.setItem(KEY, language);
  useLanguage.setState({ language });
}

/** The one of the two that the page speaks; components that call it read `useLanguage()` so that they are drawn anew. */
export const inLanguage = (en: string, zh: string) => (useLanguage.getState().language === "zh" ? zh : en);

const markDocument = () => (document.documentElement.lang = inLanguage("en", "zh-CN"));
markDocument();
useLanguage.subscribe(markDocument);
// Other pages of this origin, and the phone within this one, switch as well; without a key all is forgotten.
addEventListener("storage", ({ key }) => {
  if (key === KEY || key === null) useLanguage.setState({ language: preferred() });
});
