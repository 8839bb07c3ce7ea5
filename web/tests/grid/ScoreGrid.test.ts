import { mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { nextTick, shallowReactive } from 'vue'

import { type Cell, cellKey, EMPTY_CELL, type GridItem } from '@/grid/cells'
import ScoreGrid from '@/grid/ScoreGrid.vue'
import { i18n } from '@/locale'

const ITEMS: GridItem[] = [
  item('plan', 'score', '10'),
  item('team', 'score', '20'),
  item('seal', 'pass', '0'),
  item('flaw', 'deduct', '5'),
]
const BIDS = [
  { id: 'B1', title: '甲' },
  { id: 'B2', title: '乙' },
]

function item(id: string, kind: GridItem['kind'], max: string): GridItem {
  return { id, kind, max, title: id, digits: 1, objective: false, rubric: '', group: '', options: [], low: () => false, open: true }
}

let grid: VueWrapper | null = null
afterEach(() => grid?.unmount())

function mountGrid(options: { cells?: Map<string, Cell>; disabled?: boolean; restored?: Record<string, string> } = {}) {
  const cells = shallowReactive(options.cells ?? new Map<string, Cell>())
  const wrapper = mount(ScoreGrid, {
    props: { items: ITEMS, bids: BIDS, cells, disabled: options.disabled ?? false, caption: '', restored: options.restored ?? {} },
    global: { plugins: [i18n] },
    attachTo: document.body,
  })
  grid = wrapper
  const cell = (row: number, column: number) => wrapper.get<HTMLElement>(`[data-cell="${row}:${column}"]`)
  return { wrapper, cells, cell }
}

function saved(value: string, more: Partial<Cell> = {}): Cell {
  return { ...EMPTY_CELL, state: 'saved', value, revision: 1, ...more }
}

describe('what is typed', () => {
  it('is entered on Enter, in canonical form, and the focus goes down', async () => {
    const { wrapper, cell } = mountGrid()
    await cell(0, 0).setValue('８．５０')
    await cell(0, 0).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toEqual([['plan', 'B1', '8.5']])
    expect(document.activeElement).toBe(cell(1, 0).element)
  })

  it('is entered when the focus leaves', async () => {
    const { wrapper, cell } = mountGrid()
    await cell(1, 1).setValue('12')
    await cell(1, 1).trigger('focusout')
    expect(wrapper.emitted('enter')).toEqual([['team', 'B2', '12']])
  })

  it('stays a draft when it is out of range: nothing is sent and the focus does not move', async () => {
    const { wrapper, cell } = mountGrid()
    await cell(0, 0).setValue('11')
    await cell(0, 0).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toBeUndefined()
    expect(cell(0, 0).attributes('aria-invalid')).toBe('true')
    expect(wrapper.emitted('draft')?.slice(-1)).toEqual([['plan/B1', '11']])
  })

  it('is taken back by Esc', async () => {
    const { wrapper, cell } = mountGrid({ cells: new Map([[cellKey('plan', 'B1'), saved('7')]]) })
    await cell(0, 0).setValue('9')
    await cell(0, 0).trigger('keydown', { key: 'Escape' })
    expect((cell(0, 0).element as HTMLInputElement).value).toBe('7')
    await cell(0, 0).trigger('focusout')
    expect(wrapper.emitted('enter')).toBeUndefined()
  })

  it('is not sent again when it equals what is saved', async () => {
    const { wrapper, cell } = mountGrid({ cells: new Map([[cellKey('plan', 'B1'), saved('7')]]) })
    await cell(0, 0).setValue('7.0')
    await cell(0, 0).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toBeUndefined()
  })

  it('clears a cell when it is emptied', async () => {
    const { wrapper, cell } = mountGrid({ cells: new Map([[cellKey('plan', 'B1'), saved('7')]]) })
    await cell(0, 0).setValue('')
    await cell(0, 0).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toEqual([['plan', 'B1', '']])
  })

  it('comes back from a killed tab as a draft', () => {
    const { cell } = mountGrid({ restored: { 'plan/B1': '6.5' } })
    expect((cell(0, 0).element as HTMLInputElement).value).toBe('6.5')
  })
})

describe('a locked or paused grid', () => {
  it('takes nothing, neither typed nor pasted nor clicked', async () => {
    const { wrapper, cell } = mountGrid({ disabled: true })
    await cell(0, 0).setValue('5')
    await cell(0, 0).trigger('keydown', { key: 'Enter' })
    await cell(2, 0).trigger('click')
    await paste(cell(0, 0).element, '1\n2')
    expect(wrapper.emitted('enter')).toBeUndefined()
  })

  it('leaves a single locked cell alone', async () => {
    const { wrapper, cell } = mountGrid({ cells: new Map([[cellKey('plan', 'B1'), saved('7', { state: 'locked' })]]) })
    await cell(0, 0).setValue('5')
    await cell(0, 0).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toBeUndefined()
  })
})

async function paste(element: Element, text: string): Promise<void> {
  const event = new Event('paste', { bubbles: true, cancelable: true })
  Object.defineProperty(event, 'clipboardData', { value: { getData: () => text } })
  element.dispatchEvent(event)
  await nextTick()
}

describe('a pasted column', () => {
  it('fills downwards from the focused cell, and marks what means nothing', async () => {
    const { wrapper, cell } = mountGrid()
    await paste(cell(0, 1).element, '8\n二十\n通过\n')
    expect(wrapper.emitted('enter')).toEqual([
      ['plan', 'B2', '8'],
      ['seal', 'B2', 'pass'],
    ])
    expect(cell(1, 1).attributes('aria-invalid')).toBe('true')
  })

  it('may be a block, and what hangs over the edge is dropped', async () => {
    const { wrapper, cell } = mountGrid()
    await paste(cell(0, 0).element, '1\t2\t3\n4\t5\t6')
    expect(wrapper.emitted('enter')).toHaveLength(4)
  })
})

describe('pass and deduct', () => {
  it('choose by a click', async () => {
    const { wrapper } = mountGrid()
    await wrapper.get('[data-row="2"][data-column="0"][data-choice="pass"]').trigger('click')
    expect(wrapper.emitted('enter')).toEqual([['seal', 'B1', 'pass']])
  })

  it('choose by a letter', async () => {
    const { wrapper, cell } = mountGrid()
    await cell(2, 0).trigger('keydown', { key: 'y' })
    expect(wrapper.emitted('enter')).toEqual([['seal', 'B1', 'pass']])
  })

  it('ask for a reason before a fail or a deduction is entered', async () => {
    const { wrapper, cell } = mountGrid()
    await wrapper.get('[data-row="2"][data-column="0"][data-choice="fail"]').trigger('click')
    await cell(3, 1).setValue('2')
    await cell(3, 1).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toBeUndefined()
    expect(wrapper.emitted('reasonNeeded')).toEqual([
      ['seal', 'B1', 'fail'],
      ['flaw', 'B2', '2'],
    ])
  })

  it('enter a changed deduction at once when its reason is known', async () => {
    const { wrapper, cell } = mountGrid({ cells: new Map([[cellKey('flaw', 'B1'), saved('1', { reason: '缺页' })]]) })
    await cell(3, 0).setValue('2')
    await cell(3, 0).trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toEqual([['flaw', 'B1', '2']])
  })
})

describe('keys', () => {
  it('move: down and up always, sideways only from the edge of the text', async () => {
    const { cell } = mountGrid()
    cell(0, 0).element.focus()
    await cell(0, 0).trigger('keydown', { key: 'ArrowDown' })
    expect(document.activeElement).toBe(cell(1, 0).element)
    await cell(1, 0).setValue('12')
    ;(cell(1, 0).element as HTMLInputElement).setSelectionRange(1, 1)
    await cell(1, 0).trigger('keydown', { key: 'ArrowRight' })
    expect(document.activeElement).toBe(cell(1, 0).element)
    ;(cell(1, 0).element as HTMLInputElement).setSelectionRange(2, 2)
    await cell(1, 0).trigger('keydown', { key: 'ArrowRight' })
    expect(document.activeElement).toBe(cell(1, 1).element)
  })
})

describe('states', () => {
  it('each carry a mark and a word', async () => {
    const states = ['empty', 'pending', 'held', 'saved', 'conflict', 'locked'] as const
    for (const state of states) {
      const { wrapper } = mountGrid({ cells: new Map([[cellKey('plan', 'B1'), saved('7', { state, theirs: '8' })]]) })
      const shown = wrapper.get('.cell .state')
      expect(shown.get('.mark').text()).not.toBe('')
      expect(shown.text()).toContain(i18n.global.t(`cell.${state}`))
      wrapper.unmount()
    }
  })

  it('offer both values of a conflict', async () => {
    const { wrapper } = mountGrid({
      cells: new Map([[cellKey('plan', 'B1'), saved('7', { state: 'conflict', theirs: '8' })]]),
    })
    await wrapper.get('[data-resolve="take"]').trigger('click')
    expect(wrapper.emitted('resolve')).toEqual([['plan', 'B1', 'take']])
  })

  it('change one row when one cell changes', async () => {
    const { wrapper, cells } = mountGrid()
    cells.set(cellKey('team', 'B1'), saved('15'))
    await nextTick()
    expect((wrapper.get('[data-cell="1:0"]').element as HTMLInputElement).value).toBe('15')
    expect(wrapper.get('tfoot td').text()).toBe('15')
  })

  it('take deductions from the full marks in the subtotal', () => {
    const { wrapper } = mountGrid({
      cells: new Map([
        [cellKey('plan', 'B1'), saved('8.5')],
        [cellKey('flaw', 'B1'), saved('1.5', { reason: '缺页' })],
      ]),
    })
    expect(wrapper.get('tfoot td').text()).toBe('12')
  })
})

describe('groups and choices', () => {
  const options = [
    { name: 'A', points: '5' },
    { name: 'B', points: '3' },
  ]
  const GROUPED: GridItem[] = [
    { ...item('plan', 'score', '10'), group: 'technical', low: (value) => Number(value) < 6 },
    { ...item('flaw', 'deduct', '5'), group: 'technical' },
    { ...item('cases', 'choice', '5'), group: 'commercial', options },
  ]

  function grouped(cells = new Map<string, Cell>()) {
    const wrapper = mount(ScoreGrid, {
      props: { items: GROUPED, bids: BIDS, cells: shallowReactive(cells), disabled: false, caption: '', restored: {} },
      global: { plugins: [i18n] },
      attachTo: document.body,
    })
    grid = wrapper
    return { wrapper, select: wrapper.get<HTMLSelectElement>('[data-cell="2:0"]') }
  }

  it('stand in sections with their weights and subtotals, and a total below', () => {
    const { wrapper } = grouped(
      new Map([
        [cellKey('plan', 'B1'), saved('8.5')],
        [cellKey('flaw', 'B1'), saved('1.5')],
        [cellKey('cases', 'B1'), saved('B')],
      ]),
    )
    const sections = wrapper.findAll('tr.section').map((row) => row.findAll('td').map((cell) => cell.text()))
    expect(sections).toEqual([
      ['12', '0'],
      ['3', '0'],
    ])
    expect(wrapper.findAll('tfoot td').map((cell) => cell.text())).toEqual(['15', '0'])
  })

  it('are chosen by keyboard and entered on Enter', async () => {
    const { wrapper, select } = grouped()
    await select.setValue('B')
    expect(wrapper.emitted('enter')).toBeUndefined()
    await select.trigger('keydown', { key: 'Enter' })
    expect(wrapper.emitted('enter')).toEqual([['cases', 'B1', 'B']])
  })

  it('leave the arrows up and down to the list and go sideways with the others', async () => {
    const { wrapper, select } = grouped()
    select.element.focus()
    await select.trigger('keydown', { key: 'ArrowDown' })
    expect(document.activeElement).toBe(select.element)
    await select.trigger('keydown', { key: 'ArrowRight' })
    expect(document.activeElement).toBe(wrapper.get('[data-cell="2:1"]').element)
  })

  it('restore the saved option on Esc', async () => {
    const { select } = grouped(new Map([[cellKey('cases', 'B1'), saved('A')]]))
    await select.setValue('B')
    await select.trigger('keydown', { key: 'Escape' })
    expect(select.element.value).toBe('A')
  })

  it('say in words that few points want a reason, until there is one', async () => {
    const cells = shallowReactive(new Map([[cellKey('plan', 'B1'), saved('5')]]))
    const { wrapper } = grouped(cells)
    expect(wrapper.get('td.cell').classes()).toContain('wanting')
    cells.set(cellKey('plan', 'B1'), saved('5', { reason: 'thin' }))
    await nextTick()
    expect(wrapper.get('td.cell').classes()).not.toContain('wanting')
  })

  it('lead to the cell a finding is about', () => {
    const { wrapper, select } = grouped()
    ;(wrapper.vm as unknown as { focusCell: (item: string, bid: string) => void }).focusCell('cases', 'B1')
    expect(document.activeElement).toBe(select.element)
  })
})

describe('a sheet of many rows', () => {
  const MANY = Array.from({ length: 40 }, (_, n) => item(`i${n}`, 'score', '10'))

  function many() {
    const wrapper = mount(ScoreGrid, {
      props: { items: MANY, bids: Array.from({ length: 30 }, (_, n) => ({ id: `B${n}`, title: '' })), cells: new Map<string, Cell>(), disabled: false, caption: '', restored: {} },
      global: { plugins: [i18n] },
      attachTo: document.body,
    })
    grid = wrapper
    return wrapper
  }

  it('shows what fills a screen at once and the rest behind it', async () => {
    const wrapper = many()
    expect(wrapper.findAll('tbody tr')).toHaveLength(16)
    await vi.waitFor(() => expect(wrapper.findAll('tbody tr')).toHaveLength(40), { timeout: 10_000 })
  })

  it('draws a row that is asked for before its turn', async () => {
    const wrapper = many()
    ;(wrapper.vm as unknown as { focusCell: (name: string, bid: string) => void }).focusCell('i39', 'B2')
    await nextTick()
    await nextTick()
    expect((document.activeElement as HTMLElement).dataset['cell']).toBe('39:2')
  })
})
