// Language of the page: Chinese unless the person chose otherwise at this workstation.

import { createI18n } from 'vue-i18n'

import en from './en'
import zh, { type Messages } from './zh-CN'

export type Language = 'zh-CN' | 'en'
const KEPT = 'evalroom.language'

function keptLanguage(): Language {
  return localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh-CN'
}

export const i18n = createI18n<[Messages], Language, false>({
  legacy: false,
  locale: keptLanguage(),
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh, en },
})

export function setLanguage(language: Language): void {
  i18n.global.locale.value = language
  localStorage.setItem(KEPT, language)
  document.documentElement.lang = language
}

export function otherLanguage(): Language {
  return i18n.global.locale.value === 'en' ? 'zh-CN' : 'en'
}
