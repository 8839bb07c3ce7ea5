// What a member of the committee reads of prices and ranking: from the journal's own trace, money in yuan.
import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeEach, expect, it } from 'vitest'

import { i18n } from '@/locale'
import type { PriceTrace } from '@/pricing/run'
import type { EventBodies, Lot } from '@/protocol/room'
import ResultTables from '@/seat/ResultTables.vue'
import { useSession } from '@/session/store'

interface Vector {
  readonly name: string
  readonly formula: Lot['pricing']
  readonly trace: PriceTrace
}

const FILE = resolve(__dirname, '../../../tests/vectors/pricing/cases.json')
const CASES = JSON.parse(readFileSync(FILE, 'utf8')) as Vector[]

beforeEach(() => setActivePinia(createPinia()))

function tables(name: string, changes: Partial<Lot['pricing']> = {}, ties: string[] = []): string[] {
  const { formula, trace } = CASES.find((one) => one.name === name) as Vector
  const bids = trace.rows.map((row) => ({ id: row.bid, bidder: `bidder ${row.bid}` }))
  const lot: Lot = { id: '1', title: '', items: [], bids, pricing: { ...formula, ...changes }, candidates: 1 }
  const session = useSession()
  session.view.pricing.set('1', { lot: '1', ...trace })
  const ranking: EventBodies['RankingComputed'] = { lot: '1', rows: [], ties, rejected: [] }
  session.view.rankings.set('1', ranking)
  const wrapper = mount(ResultTables, { props: { lot, pricing: true, ranking: true }, global: { plugins: [i18n] } })
  const lines = wrapper.findAll('tr, p').map((one) => one.text().replace(/\s+/g, ' '))
  wrapper.unmount()
  return lines
}

it('shows the base in yuan, and deviation and points of each bid', () => {
  const lines = tables('the median', { title: '中位数法' })
  expect(lines[0]).toContain('中位数法 · 基准价: 100.00 元')
  expect(lines[2]).toBe('bidder a90.00−10%90')
})

it('names the rule that put a bid out, by its title in the tender', () => {
  const name = 'a validity band round the reserve rejects'
  const admit = (CASES.find((one) => one.name === name) as Vector).formula.admit?.map((rule) => ({ ...rule, title: '有效范围' }))
  const lines = tables(name, { admit: admit ?? [] })
  expect(lines[2]).toBe('bidder a84.99—0无效报价 · 有效范围')
})

it('shows evaluated prices only where there are any', () => {
  expect(tables('preference as a deduction')[1]).toContain('评标价')
  expect(tables('preference as a deduction')[2]).toBe('bidder a100.0090.000%100')
  expect(tables('the median')[1]).not.toContain('评标价')
})

it('leaves the base out where the formula has none', () => {
  expect(tables('F12 full marks less listed facts')[0]).not.toContain('基准价')
})

it('says who settles what the keys leave tied', () => {
  const last = tables('the median', { undecided: 'tenderer' }, ['a', 'b']).pop()
  expect(last).toBe('并列：bidder a、bidder b 由招标人决定。')
})
