// Language of the page: Chinese unless the person chose otherwise at this workstation. English, 17 kB, is brought in when
// somebody reads it.

import { createI18n } from 'vue-i18n'

import zh, { type Messages } from './zh-CN'

export type Language = 'zh-CN' | 'en'
const KEPT = 'evalroom.language'

export function keptLanguage(): Language {
  return localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh-CN'
}

export const i18n = createI18n<[Messages], Language, false>({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh } as Record<Language, Messages>,
})

let english: Promise<void> | null = null

/** Merged, not set: pages and panels may have brought words of their own before. */
function loadEnglish(): Promise<void> {
  english ??= import('./en').then(({ default: en }) => i18n.global.mergeLocaleMessage('en', en))
  return english
}

/** Show the pages in `language`; resolves once its words are there. */
export async function setLanguage(language: Language): Promise<void> {
  localStorage.setItem(KEPT, language)
  if (language === 'en') await loadEnglish()
  i18n.global.locale.value = language
  document.documentElement.lang = language
}

export function otherLanguage(): Language {
  return i18n.global.locale.value === 'en' ? 'zh-CN' : 'en'
}
