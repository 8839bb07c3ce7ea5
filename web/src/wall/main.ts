import { start } from '@/frame/start'

import WallPage from './WallPage.vue'

start(WallPage)
