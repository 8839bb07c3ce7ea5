// @vitest-environment node
// The vectors of docs/spec/price-formula.md (tests/vectors/pricing), which the host's kernel is held to as well:
// both sides must agree string for string, in results and in what they refuse.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'

import { checkForm, checkFormula } from '@/pricing/check'
import { readFormula } from '@/pricing/formula'
import { PriceRefusal } from '@/pricing/refusal'
import { runFormula, type BidPrice, type PriceTrace } from '@/pricing/run'
import { toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'

interface Vector {
  readonly name: string
  readonly formula: unknown
  readonly bids: readonly BidPrice[]
  readonly given: Readonly<Record<string, string>>
  readonly trace?: PriceTrace
  readonly refused?: string
  readonly path?: string
  readonly points?: readonly string[]
  readonly sha256?: string
}
interface SampleVector {
  readonly name: string
  readonly formula: unknown
  readonly refused: string
  readonly facts?: Readonly<Record<string, string | number>>
}

function vectors<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(resolve(__dirname, '../../../tests/vectors/pricing', `${name}.json`), 'utf8')) as T[]
}

function outcome({ formula, bids, given }: Vector): { trace?: PriceTrace; refused?: string; path?: string } {
  try {
    const read = readFormula(formula)
    checkForm(read)
    return { trace: runFormula(read, bids, given) }
  } catch (why) {
    if (why instanceof PriceRefusal) return { refused: why.code, path: why.path }
    throw why
  }
}

describe.each(['presets', 'cases', 'refused'])('%s', (name) => {
  it.each(vectors<Vector>(name).map((one) => [one.name, one] as const))('%s', (_, vector) => {
    const { trace, refused, path } = vector
    expect(outcome(vector)).toEqual(trace ? { trace } : { refused, path })
  })
})

describe('random formulas', () => {
  const all = vectors<Vector>('random')

  it('are several hundred, most of which come to a result', () => {
    expect(all.length).toBeGreaterThan(400)
    expect(all.filter((one) => one.sha256).length).toBeGreaterThan(300)
  })

  it.each(all.map((one) => [one.name, one] as const))('%s', (_, vector) => {
    const found = outcome(vector)
    if (!vector.sha256) {
      expect(found).toEqual({ refused: vector.refused, path: vector.path })
      return
    }
    expect(found.trace?.rows.map((row) => row.points)).toEqual(vector.points)
    expect(toHex(sha256(canonical(found.trace)))).toBe(vector.sha256)
  })
})

describe('samples', () => {
  it.each(vectors<SampleVector>('samples').map((one) => [one.name, one] as const))('%s', (_, vector) => {
    const check = (): void => checkFormula(readFormula(vector.formula))
    if (vector.refused === '') {
      expect(check).not.toThrow()
      return
    }
    expect(check).toThrow(PriceRefusal)
    try {
      check()
    } catch (why) {
      const refusal = why as PriceRefusal
      expect(refusal.code).toBe(vector.refused)
      if (refusal.code === 'sample_differs') expect(refusal.facts).toEqual(vector.facts)
    }
  })
})
