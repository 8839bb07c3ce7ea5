import { describe, expect, it } from 'vitest'

import { type GridItem, needsReason, pointsOf, readBlock, readEntry, sectionsOf } from '@/grid/cells'

const score = { kind: 'score', max: '10', digits: 1 } as const
const pass = { kind: 'pass', max: '0', digits: 0 } as const
const deduct = { kind: 'deduct', max: '5', digits: 0 } as const

describe('an entry', () => {
  it('is refused above the range, with too many digits, or as no number', () => {
    expect(readEntry(score, '10.1').fault).toBe('out_of_range')
    expect(readEntry(score, '8.55').fault).toBe('too_many_digits')
    expect(readEntry(score, '八').fault).toBe('not_decimal')
    expect(readEntry(pass, '也许').fault).toBe('not_pass')
  })

  it('may be the limit itself', () => {
    expect(readEntry(score, '10.0')).toEqual({ value: '10', fault: null })
  })

  it('of a pass item may be a word of either language', () => {
    expect(['通过', '√', 'Y', '1'].map((text) => readEntry(pass, text).value)).toEqual(Array(4).fill('pass'))
    expect(['不通过', '×', 'n', '0'].map((text) => readEntry(pass, text).value)).toEqual(Array(4).fill('fail'))
  })

  it('needs a reason when it fails a bid or takes points off, and only then', () => {
    expect([needsReason(pass, 'fail'), needsReason(deduct, '1')]).toEqual([true, true])
    expect([needsReason(pass, 'pass'), needsReason(deduct, '0'), needsReason(score, '0')]).toEqual([false, false, false])
  })
})

describe('a pasted block', () => {
  it('is a column when lines hold one value each', () => {
    expect(readBlock('8\r\n9\r\n10\r\n')).toEqual([['8'], ['9'], ['10']])
  })

  it('keeps empty cells in their place', () => {
    expect(readBlock('8\t\t7')).toEqual([['8', '', '7']])
  })
})

describe('a choice', () => {
  const item = { kind: 'choice', max: '5', digits: 1, options: [{ name: 'A', points: '5' }, { name: '良', points: '3' }] } as const

  it('is named as it is declared, in either case', () => {
    expect(readEntry(item, ' a ')).toEqual({ value: 'A', fault: null })
    expect(readEntry(item, '良')).toEqual({ value: '良', fault: null })
  })

  it('is nothing else, its points included', () => {
    for (const text of ['C', '5', '', 'A B']) expect(readEntry(item, text).fault).toBe('not_option')
  })

  it('earns the points of its option', () => {
    expect([pointsOf(item, 'A'), pointsOf(item, '良')]).toEqual(['5', '3'])
  })
})

it('divides items into runs of one group and counts rows through all of them', () => {
  const of = (group: string): GridItem => ({ id: group, title: '', kind: 'pass', max: '0', digits: 0, objective: false, rubric: '', group, options: [], low: () => false, open: true })
  const sections = sectionsOf([of('form'), of('form'), of('technical')])
  expect(sections.map(({ group, rows }) => [group, rows.map(({ row }) => row)])).toEqual([
    ['form', [0, 1]],
    ['technical', [2]],
  ])
})
