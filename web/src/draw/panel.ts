// The panel of draws with its words, brought in when there is something to draw: every page would carry both for nothing.

import { i18n } from '@/locale'
import en from '@/locale/draw.en'
import zh from '@/locale/draw.zh-CN'

import DrawPanel from './DrawPanel.vue'

i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)

export default DrawPanel
