import { start } from '@/frame/start'

import SeatPage from './SeatPage.vue'

start(SeatPage)
