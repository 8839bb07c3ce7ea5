// The reports' desks with their words, brought in when there is a report: every page would carry both for nothing.

import { i18n } from '@/locale'
import en from '@/locale/report.en'
import zh from '@/locale/report.zh-CN'

import ReportDesks from './ReportDesks.vue'

i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)

export default ReportDesks
