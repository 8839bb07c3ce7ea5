import { start } from '@/frame/start'

import IndexPage from './IndexPage.vue'

start(IndexPage)
