import { start } from '@/frame/start'
import IndexPage from '../index/IndexPage.vue'
start(IndexPage)
