import { start } from '@/frame/start'
import { i18n } from '@/locale'
import en from '@/locale/verify.en'
import zh from '@/locale/verify.zh-CN'

import VerifyPage from './VerifyPage.vue'

// Words of this page alone: every other page would carry them for nothing.
i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)
start(VerifyPage)
