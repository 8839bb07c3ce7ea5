import './bidder.css'

import { start } from '@/frame/start'
import { i18n } from '@/locale'
import en from '@/locale/bidder.en'
import zh from '@/locale/bidder.zh-CN'

import BidderPage from './BidderPage.vue'

// Words of this page alone: every other page would carry them for nothing.
i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)
start(BidderPage)
