// The expert's desk without a node: the feed of a session is folded in as if it had come by the socket, then the real
// component is mounted. `window.desk` shows it and times single edits (bench/sheets.py).
import '@/frame/frame.css'

import { createPinia } from 'pinia'
import { createApp, h, nextTick } from 'vue'

import { i18n, setLanguage } from '@/locale'
import type { Group, Item, Lot } from '@/protocol/room'
import RecheckDesk from '@/seat/RecheckDesk.vue'
import ScoringDesk from '@/seat/ScoringDesk.vue'
import type { FeedItem } from '@/session/feed'
import { useSession } from '@/session/store'
import { fold } from '@/session/view'

const OPTIONS = [
  { name: '优', points: '0.5' },
  { name: '良', points: '0.3' },
  { name: '差', points: '0' },
]

function itemOf(number: number, of: number): Item {
  const group: Group = number < of * 0.7 ? 'technical' : 'commercial'
  const common = { part: 'detailed', title: `评审内容 ${number}`, standard: '按招标文件所列标准评审。', full: '0.5', group } as const
  if (number % 10 === 9) return { ...common, id: `T${number}`, kind: 'choice', digits: 0, objective: true, options: OPTIONS }
  return { ...common, id: `T${number}`, kind: number % 10 === 8 ? 'deduct' : 'score', digits: 2, objective: false }
}

function lotOf(items: number, bids: number): Lot {
  return {
    id: '1',
    title: '一标段',
    items: Array.from({ length: items }, (_, number) => itemOf(number, items)),
    bids: Array.from({ length: bids }, (_, number) => ({ id: `B${number}`, bidder: `投标人 ${number + 1}` })),
    pricing: { name: 'lowest_price', weight: String(100 - items / 2), score: { kind: 'value', value: 'full' } },
    candidates: 3,
  }
}

function valueOf(item: Item, bid: number): string {
  if (item.kind === 'choice') return OPTIONS[bid % 3]?.name ?? ''
  return item.kind === 'deduct' ? '0' : `0.${30 + (bid % 20)}`
}

function feedOf(lot: Lot): FeedItem[] {
  const seats = [{ code: 'E01', site: 'host', node: 'host', role: 'expert' as const, label: '' }]
  const bodies: [FeedItem['type'], object, Record<string, string>?][] = [
    ['SessionOpened', { session: 's', tender: { code: 'T', title: 'T', lots: [lot] }, sites: [], seats, rehearsal: true }],
    ['StageChanged', { before: 'preliminary', after: 'detailed', reason: '' }],
  ]
  lot.bids.forEach((bid, at) =>
    lot.items.forEach((item) => {
      const commit = { commit: '0'.repeat(64) }
      const body = { lot: lot.id, bid: bid.id, item: item.id, revision: 1, value: commit, reason: commit }
      bodies.push(['ScoreEntered', body, { '/value': valueOf(item, at), '/reason': '' }])
    }),
  )
  return bodies.map(([type, body, opened], n) => ({ n, t: n, type, site: 'host', actor: 'E01', body, opened }) as unknown as FeedItem)
}

/** Fold a session of this size and show the desk; returns the ms from the first item to the painted page. */
async function show(items: number, bids: number, recheck = false): Promise<number> {
  const lot = lotOf(items, bids)
  const feed = feedOf(lot)
  const pinia = createPinia()
  setLanguage('zh-CN')
  const began = performance.now()
  const app = createApp({ render: () => h(recheck ? RecheckDesk : ScoringDesk, { lot, part: 'detailed', style: 'height: 100vh; padding: 14px; box-sizing: border-box' }) })
  app.use(pinia).use(i18n)
  const session = useSession(pinia)
  session.me = { session: 's', seat: 'E01', role: 'expert' } as never
  session.link = 'online'
  fold(session.view, feed)
  for (const item of feed) {
    if (item.type !== 'ScoreEntered') continue
    const cell = { state: 'saved' as const, value: item.opened?.['/value'] ?? '', theirs: null, revision: 1, reason: '', refused: null }
    session.cellsOf('1').set(`${item.body.item}/${item.body.bid}`, cell)
  }
  if (recheck) ask(session, lot)
  app.mount('#app')
  await painted()
  Object.assign(window, { session })
  return performance.now() - began
}

function ask(session: ReturnType<typeof useSession>, lot: Lot): void {
  lot.items
    .filter((item) => item.objective)
    .slice(0, 3)
    .forEach((item, n) => {
      const body = { finding: `F${n}`, code: 'objective_differs', lot: '1', part: 'detailed', bid: `B${n}`, item: item.id, seats: ['E01'] }
      fold(session.view, [{ n, t: n, type: 'FindingRaised', site: 'host', actor: 'host', body } as unknown as FeedItem])
    })
}

/** Resolve once a frame has been painted: the second callback runs after the first frame is out. */
function painted(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())))
}

/** Time one edit: from the key press to the frame that shows the cell entered, as the echo of the journal makes it. */
async function edit(row: number, column: number, text: string): Promise<number> {
  const session = (window as unknown as { session: ReturnType<typeof useSession> }).session
  const input = document.querySelector<HTMLInputElement>(`[data-cell="${row}:${column}"]`)
  if (input === null || input.tagName !== 'INPUT') throw new Error(`no input at ${row}:${column}`)
  const key = session.lots[0]?.items[row]?.id ?? ''
  input.focus()
  const began = performance.now()
  input.value = text
  input.dispatchEvent(new InputEvent('input', { bubbles: true }))
  const cell = { state: 'saved' as const, value: text, theirs: null, revision: 2, reason: '', refused: null }
  input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))
  session.cellsOf('1').set(`${key}/B${column}`, cell)
  await nextTick()
  // Layout of what changed, which the next frame would do; a frame's wait for the screen is no cost of the page.
  document.body.getBoundingClientRect()
  return performance.now() - began
}

Object.assign(window, { desk: { show, edit } })
