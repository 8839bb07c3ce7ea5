import { mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, reactive } from 'vue'

import { i18n } from '@/locale'
import type { EventBodies, Lot } from '@/protocol/room'
import FindingList from '@/seat/FindingList.vue'
import { type Finding, findingKey } from '@/seat/lint'
import ReasonsPanel from '@/seat/ReasonsPanel.vue'
import RecheckCell from '@/seat/RecheckCell.vue'
import { useSession } from '@/session/store'

const OPTIONS = [
  { name: 'A', points: '6' },
  { name: 'B', points: '3' },
]
const LOT: Lot = {
  id: '1',
  title: '一标段',
  items: [
    { id: 'T1', part: 'detailed', kind: 'score', title: '方案', standard: '看方案', full: '10', digits: 1, objective: false },
    { id: 'C1', part: 'detailed', kind: 'choice', title: '业绩', standard: '看业绩', full: '6', digits: 0, objective: true, options: OPTIONS },
    { id: 'C2', part: 'detailed', kind: 'score', title: '证书', standard: '每项 1 分', full: '5', digits: 1, objective: true },
  ],
  bids: [
    { id: 'B1', bidder: '甲公司' },
    { id: 'B2', bidder: '乙公司' },
  ],
  pricing: { name: 'lowest_price', weight: '79', score: { kind: 'value', value: 'full' } },
  candidates: 1,
}

let wrapper: VueWrapper | null = null
afterEach(() => wrapper?.unmount())
beforeEach(() => setActivePinia(createPinia()))

function session() {
  const store = useSession()
  store.me = { session: 's', seat: 'E01', role: 'expert', site: 'host', title: '', page: '' } as never
  store.enterScore = vi.fn(() => Promise.resolve({ done: true, number: 1 } as const))
  store.answerFinding = vi.fn(() => Promise.resolve({ done: true, number: 2 } as const))
  return store
}

function raised(more: Partial<EventBodies['FindingRaised']>): EventBodies['FindingRaised'] {
  return { finding: 'F1', code: 'objective_differs', lot: '1', part: 'detailed', bid: 'B1', item: 'C1', seats: ['E01', 'E02'], ...more }
}

function cellOf(value: string, reason = '') {
  return { state: 'saved' as const, value, theirs: null, revision: 1, reason, refused: null }
}

describe('a cell to look at again', () => {
  function recheck(item: string, value: string, open = true) {
    const store = session()
    store.cellsOf('1').set(`${item}/B1`, cellOf(value))
    const finding = { body: raised({ item }), before: value }
    wrapper = mount(RecheckCell, { props: { lot: LOT, finding, open, current: true }, global: { plugins: [i18n] } })
    return { store, wrapper }
  }

  it('is stood by with one button and nothing is entered', async () => {
    const { store, wrapper } = recheck('C1', 'A')
    await wrapper.get('.el-button').trigger('click')
    expect(store.enterScore).not.toHaveBeenCalled()
    expect(store.answerFinding).toHaveBeenCalledWith('F1', true, '')
  })

  it('is changed first and answered then', async () => {
    const { store, wrapper } = recheck('C1', 'A')
    await wrapper.get('select').setValue('B')
    expect(wrapper.get('.el-button').text()).toContain('B')
    await wrapper.get('.el-button').trigger('click')
    await nextTick()
    expect(store.enterScore).toHaveBeenCalledWith('1', 'B1', 'C1', 'B', '')
    expect(store.answerFinding).toHaveBeenCalledWith('F1', false, '')
  })

  it('takes 5.0 for 5, and full-width digits for digits', async () => {
    const { store, wrapper } = recheck('C2', '5.0')
    await wrapper.get('input[inputmode=decimal]').setValue('５')
    await wrapper.get('.el-button').trigger('click')
    expect(store.enterScore).not.toHaveBeenCalled()
    expect(store.answerFinding).toHaveBeenCalledWith('F1', true, '')
  })

  it('cannot be answered with what the item does not allow', async () => {
    const { store, wrapper } = recheck('C2', '5')
    await wrapper.get('input[inputmode=decimal]').setValue('5.5')
    expect(wrapper.get('[role=alert]').text()).toContain('5')
    await wrapper.get('.el-button').trigger('click')
    expect(store.answerFinding).not.toHaveBeenCalled()
  })

  it('is not answered when the change was refused, and says so', async () => {
    const { store, wrapper } = recheck('C1', 'A')
    store.enterScore = vi.fn(() => Promise.resolve({ done: false, code: 'locked', message: '', detail: {} } as const))
    await wrapper.get('select').setValue('B')
    await wrapper.get('.el-button').trigger('click')
    await nextTick()
    expect(store.answerFinding).not.toHaveBeenCalled()
    expect(wrapper.get('[role=alert]').text()).toContain('locked')
  })

  it('shows what was answered and asks no more', () => {
    const { wrapper } = recheck('C1', 'A', false)
    expect(wrapper.text()).toContain('A')
    expect(wrapper.find('.el-button').exists()).toBe(false)
  })
})

describe('reasons for the report', () => {
  function panel() {
    const store = session()
    store.view.findings.set('F2', { body: raised({ finding: 'F2', code: 'deviation', item: '', seats: ['E01'] }), before: '' })
    store.view.findings.set('F3', { body: raised({ finding: 'F3', code: 'identical', bid: '', item: '', seats: ['E02', 'E03'] }), before: '' })
    store.view.answers.set('F3/E02', { stand: true, reason: '标准没有余地' })
    wrapper = mount(ReasonsPanel, { props: { lot: LOT }, global: { plugins: [i18n] } })
    return { store, wrapper }
  }

  it('are asked of whoever is meant and shown to all', () => {
    const { wrapper } = panel()
    expect(wrapper.findAll('textarea')).toHaveLength(1)
    const others = wrapper.get('[data-found=F3]').text()
    expect(others).toContain('标准没有余地')
    expect(others).toContain('E03')
  })

  it('are given in words, not in blanks', async () => {
    const { store, wrapper } = panel()
    await wrapper.get('textarea').setValue('  ')
    await wrapper.get('.el-button').trigger('click')
    expect(store.answerFinding).not.toHaveBeenCalled()
    await wrapper.get('textarea').setValue(' 方案有实测 ')
    await wrapper.get('.el-button').trigger('click')
    expect(store.answerFinding).toHaveBeenCalledWith('F2', true, '方案有实测')
  })

  it('are nobody’s business when nothing was found', () => {
    session()
    wrapper = mount(ReasonsPanel, { props: { lot: LOT }, global: { plugins: [i18n] } })
    expect(wrapper.find('section').exists()).toBe(false)
  })
})

describe('what the checks found', () => {
  const low: Finding = { code: 'low', effect: 'reason', bids: ['B1'], items: ['T1'] }
  const empty: Finding = { code: 'empty', effect: 'block', bids: ['B2'], items: ['C1'] }
  const copied: Finding = { code: 'copied_comment', effect: 'warn', bids: ['B1', 'B2'], items: ['T1'] }

  function list() {
    const reasons = reactive<Record<string, string>>({})
    const look = () => ({ value: '3', reason: '' })
    wrapper = mount(FindingList, { props: { lot: LOT, findings: [copied, low, empty], reasons, look, jumps: true }, global: { plugins: [i18n] } })
    return { reasons, wrapper }
  }

  it('comes with what stops the lock first', () => {
    const { wrapper } = list()
    expect(wrapper.findAll('li').map((row) => row.attributes('data-finding'))).toEqual(['empty', 'low', 'copied_comment'])
  })

  it('names bid, item, value, weight and share', () => {
    const { wrapper } = list()
    const words = wrapper.get('[data-finding=low]').text()
    for (const word of ['甲公司', '方案', '3', '10', '60']) expect(words).toContain(word)
  })

  it('has a field for a reason where one is wanted, and nowhere else', async () => {
    const { reasons, wrapper } = list()
    expect(wrapper.findAll('textarea')).toHaveLength(1)
    await wrapper.get('textarea').setValue('只有两页')
    expect(reasons[findingKey(low)]).toBe('只有两页')
  })

  it('leads to the cell it is about', async () => {
    const { wrapper } = list()
    await wrapper.get('[data-finding=low] .el-button').trigger('click')
    expect(wrapper.emitted('jump')).toEqual([['T1', 'B1']])
  })
})
