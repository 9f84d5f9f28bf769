// The two languages, each by its own name.

import { inLanguage, type Language, speak, useLanguage } from "./language";

const languages: [Language, name: string, tag: string][] = [
  ["en", "English", "en"],
  ["zh", "中文", "zh-CN"],
];

export function LanguageSwitch() {
  const { language } = useLanguage();
  return (
    <div className="languages" role="group" aria-label={inLanguage("Language", "语言")}>
      {languages.map(([one, name, tag]) => (
        <button key={one} type="button" lang={tag} aria-pressed={language === one} onClick={() => speak(one)}>
          {name}
        </button>
      ))}
    </div>
  );
}
