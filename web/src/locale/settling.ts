// Whoever imports this has the words of ties, awards and summed marks.

import { i18n } from './index'
import en from './settling.en'
import zh from './settling.zh-CN'

i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)
