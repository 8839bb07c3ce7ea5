// Words about people and of setting up, brought in with the panels that use them: every page would carry them for nothing.

import { i18n } from '@/locale'
import en from '@/locale/people.en'
import zh from '@/locale/people.zh-CN'

i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)
