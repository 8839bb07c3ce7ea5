// Words of questions, time, faults and complaints, brought in where they are shown: every page would carry them for nothing.

import { i18n } from '@/locale'
import en from '@/locale/asides.en'
import zh from '@/locale/asides.zh-CN'

i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)
