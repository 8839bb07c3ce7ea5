// @vitest-environment node
// Goldens worked by hand, and what always holds; the bulk is in the shared vectors.
import { describe, expect, it } from 'vitest'

import { checkFormula } from '@/pricing/check'
import { readFormula, type PriceFormula } from '@/pricing/formula'
import { decimal, divide, isNumber, parseNumber, ratio, round, write } from '@/pricing/rational'
import { PriceRefusal } from '@/pricing/refusal'
import { runFormula, type BidPrice } from '@/pricing/run'

const MEAN = { name: 'base', value: { op: 'mean', of: ['kept'] } }

function formula(changes: object): PriceFormula {
  return readFormula({ name: 'x', weight: '60', score: { kind: 'penalty', full: '60', above: [{ rate: '0.2' }], below: [{ rate: '0.1' }] }, aggregate: [MEAN], ...changes })
}

function bids(...yuan: number[]): BidPrice[] {
  return yuan.map((one, index) => ({ bid: `b${index}`, price: String(one * 100), valid: true, values: {} }))
}

function points(read: PriceFormula, ...yuan: number[]): string[] {
  return runFormula(read, bids(...yuan), {}).rows.map((row) => row.points)
}

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (why) {
    if (why instanceof PriceRefusal) return `${why.code} ${why.path}`.trim()
    throw why
  }
  return ''
}

describe('what is refused', () => {
  it.each([['０.５'], ['1,000'], ['1e3'], ['.5'], ['+1'], ['1/0'], ['']])('%s is no number', (text) => {
    expect(isNumber(text)).toBe(false)
  })

  it('a binary fraction, which is not exact', () => {
    expect(refusal(() => formula({ weight: 0.1 }))).toBe('formula_malformed weight')
  })

  it('a formula without a sample', () => {
    expect(refusal(() => checkFormula(formula({})))).toBe('formula_without_sample')
  })

  it('a price of zero, by its field', () => {
    expect(refusal(() => points(formula({}), 95, 0))).toBe('price_input bids[1].price')
  })

  it('names of the prototype are no inputs', () => {
    const bid = { ...bids(1)[0], values: JSON.parse('{"constructor": "1"}') as Record<string, string> } as BidPrice
    expect(refusal(() => runFormula(formula({}), [bid], {}))).toBe('price_input bids[0].values.constructor')
    expect(refusal(() => readFormula(JSON.parse('{"toString": 1}')))).toBe('formula_malformed toString')
  })

  it('trimming as many bids as there are', () => {
    const all = formula({ trim: { rows: [{ from_bids: 1, high: 1, low: 0 }] } })
    expect(refusal(() => points(all, 95))).toBe('trims_too_many')
  })
})

describe('goldens', () => {
  it('F4: 95, 100, 105 score 59.5, 60, 59', () => {
    expect(points(formula({}), 95, 100, 105)).toEqual(['59.50', '60.00', '59.00'])
  })

  it('lowest first: 10,000 and 8,000 at 70 points are 56 and 70', () => {
    const lowest = formula({
      weight: '70',
      aggregate: [{ name: 'base', value: { op: 'lowest', of: ['admitted'] } }],
      score: { kind: 'value', full: '70', value: { op: 'quotient', of: [{ op: 'product', of: ['full', 'base'] }, 'price'] } },
    })
    expect(points(lowest, 10_000, 8_000)).toEqual(['56.00', '70.00'])
  })

  it('+1 % -1 at most 20, -1 % -0.3 at most 5', () => {
    const capped = formula({
      weight: '100',
      aggregate: [{ name: 'base', value: '10000' }],
      score: { kind: 'penalty', above: [{ rate: '1' }], below: [{ rate: '0.3' }], cap_above: '20', cap_below: '5' },
    })
    expect(points(capped, 99, 50, 101, 190)).toEqual(['99.70', '95.00', '99.00', '80.00'])
  })
})

describe('numbers', () => {
  it.each([
    ['2.345', 'half_up', '2.35'],
    ['2.345', 'half_even', '2.34'],
    ['2.355', 'half_even', '2.36'],
    ['2.349', 'down', '2.34'],
    ['2.341', 'up', '2.35'],
    ['-2.345', 'half_up', '-2.35'],
    ['-0.001', 'half_up', '0.00'],
    ['99.995', 'half_up', '100.00'],
  ] as const)('%s rounds %s to %s', (text, mode, expected) => {
    expect(decimal(parseNumber(text), 2, mode)).toBe(expected)
    expect(write(round(parseNumber(text), 2, mode))).toBe(write(parseNumber(expected)))
  })

  it('are exact, in lowest terms, with the sign above', () => {
    expect(write(divide(ratio(BigInt(6)), ratio(BigInt(-4))))).toBe('-3/2')
    expect(write(parseNumber('0.10'))).toBe('1/10')
  })
})

it('does not depend on the order of the bids, nor on the unit of money', () => {
  const read = formula({})
  const some = [97, 101, 103, 88, 95, 97]
  const scores = (factor: number): string[] => runFormula(read, bids(...some.map((one) => one * factor)), {}).rows.map((row) => row.score)
  expect(scores(7)).toEqual(scores(1))
  expect(runFormula(read, [...bids(...some)].reverse(), {})).toEqual(runFormula(read, bids(...some), {}))
})
