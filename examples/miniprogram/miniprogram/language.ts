/** Chinese or English: what `config.ts` begins with, until the user switches on the first page. */

import { config } from './config'

export type Language = 'zh' | 'en'

/** The same in both. */
export type Bilingual<Words = string> = Readonly<Record<Language, Words>>

const LANGUAGE = 'wxgate.language'

export function language(): Language {
  return wx.getStorageSync<Language | ''>(LANGUAGE) || config.language
}

/** From here on, and after the next launch: a page takes its words whenever it shows. */
export function speak(chosen: Language): void {
  wx.setStorageSync(LANGUAGE, chosen)
}

export function inLanguage<Words>(words: Bilingual<Words>): Words {
  return words[language()]
}

/**
 * The words of a page that shows now: the title that it sets is that of the page in view, whichever that is. The title
 * of its JSON is Chinese, and is replaced.
 */
export function pageWords<Words extends { title: string }>(words: Bilingual<Words>): Words {
  const chosen = inLanguage(words)
  wx.setNavigationBarTitle({ title: chosen.title })
  return chosen
}
