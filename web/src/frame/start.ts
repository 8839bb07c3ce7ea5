// How every page begins: language, store, styles, and one place where an unexpected error becomes visible.

import './frame.css'

import { createPinia } from 'pinia'
import { type Component, createApp } from 'vue'

import { i18n, keptLanguage, setLanguage } from '@/locale'

/** Mount `page`; an error nobody caught is shown on the page, because a failure must not say nothing. */
export function start(page: Component): void {
  const app = createApp(page)
  app.use(createPinia()).use(i18n)
  app.config.errorHandler = (error) => {
    showUnexpected(error)
    throw error
  }
  window.addEventListener('unhandledrejection', (event) => showUnexpected(event.reason))
  // Words that could not be fetched leave the page in Chinese, which is better than no page.
  void setLanguage(keptLanguage()).finally(() => app.mount('#app'))
}

function showUnexpected(error: unknown): void {
  const box = document.getElementById('unexpected') ?? document.body.appendChild(document.createElement('div'))
  box.id = 'unexpected'
  box.className = 'said'
  box.setAttribute('role', 'alert')
  box.textContent = `${i18n.global.t('error.unknown')} [${error instanceof Error ? error.message : String(error)}]`
}
