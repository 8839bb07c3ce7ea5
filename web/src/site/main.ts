import { start } from '@/frame/start'

import SitePage from './SitePage.vue'

start(SitePage)
