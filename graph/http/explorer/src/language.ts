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
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  useLanguage.setState({ language });
}

/** The one of the two that the page speaks; components that call it read `useLanguage()` so that they are drawn anew. */
export const inLanguage = (en: string, zh: string) => (useLanguage.getState().language === "zh" ? zh : en);
