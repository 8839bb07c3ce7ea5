/// <reference types="node" />
// The checks before a lock, held to the room's vectors (tests/vectors/sheets), and what the pages make of them.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { Lot, Part } from '@/protocol/room'
import { type Entered, type Finding, isLow, lint, pointsOf, statement, totalsOf } from '@/seat/lint'

interface Case {
  name: string
  lot: Lot
  part: Part
  cells: [string, string, string, string][]
  told: { rejected?: string[]; totals?: Record<string, string>; opened?: string[] }
  findings: [Finding['code'], Finding['effect'], string[], string[]][]
  statement: string
}

const CASES = JSON.parse(readFileSync(resolve(__dirname, '../../../tests/vectors/sheets/lint.json'), 'utf8')) as Case[]

function lookInto(cells: Case['cells']): (bid: string, item: string) => Entered | undefined {
  const found = new Map(cells.map(([bid, item, value, reason]) => [`${bid}/${item}`, { value, reason }]))
  return (bid, item) => found.get(`${bid}/${item}`)
}

describe.each(CASES)('$name', ({ lot, part, cells, told, findings, statement: stated }) => {
  const look = lookInto(cells)
  const { opened, ...rest } = told

  it('finds what the room finds, in its order', () => {
    const found = lint(lot, part, look, opened === undefined ? rest : { ...rest, opened: new Set(opened) })
    expect(found.map(({ code, effect, bids, items }) => [code, effect, bids, items])).toEqual(findings)
  })

  it('states what the room states', () => {
    const asked = lint(lot, part, look, told.rejected === undefined ? {} : { rejected: told.rejected }).filter((one) => one.effect === 'reason')
    const answers = asked.map((finding) => ({ finding, reason: '已核对' }))
    expect(statement(answers, totalsOf(lot, part, look, told.rejected ?? []))).toBe(stated)
  })
})

it('counts a choice by the points of its option, and a deduction from the weight', () => {
  const options = [
    { name: 'A', points: '6.5' },
    { name: 'B', points: '3.25' },
  ]
  expect(pointsOf({ kind: 'choice', full: '6.5', options }, 'B')).toBe('3.25')
  expect(pointsOf({ kind: 'deduct', full: '6.5' }, '0.25')).toBe('6.25')
})

it('knows no low verdict and no low nonsense', () => {
  const lot = CASES[0]?.lot as Lot
  const [verdict] = lot.items
  const score = lot.items.find((item) => item.id === 'plan')
  if (verdict === undefined || score === undefined) throw new Error('the vectors have lost an item')
  expect([isLow(lot, verdict, 'fail'), isLow(lot, score, 'x'), isLow(lot, score, '7.1'), isLow(lot, score, '7.2')]).toEqual([false, false, true, false])
})
