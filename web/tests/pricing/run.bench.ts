// `npx vitest bench --run tests/pricing`: 100 bids through every preset, in this Node; the target is 10 ms.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { bench, describe } from 'vitest'

import { readFormula } from '@/pricing/formula'
import { runFormula } from '@/pricing/run'

interface Vector {
  readonly name: string
  readonly formula: unknown
  readonly given: Readonly<Record<string, string>>
}

const FILE = resolve(__dirname, '../../../tests/vectors/pricing/presets.json')
const presets = (JSON.parse(readFileSync(FILE, 'utf8')) as Vector[]).filter((one) => one.name.endsWith(' of 7'))
const bids = Array.from({ length: 100 }, (_, index) => ({
  bid: `b${index}`,
  price: String(970_000_000 + index * 599_999),
  valid: true,
  values: {},
}))

describe('100 bids', () => {
  for (const { name, formula, given } of presets) {
    const read = readFormula(formula)
    bench(name.replace(' of 7', ''), () => {
      runFormula(read, bids, given)
    })
  }
})
