import '@/asides/words'
import { start } from '@/frame/start'

import ReplayPage from './ReplayPage.vue'

start(ReplayPage)
