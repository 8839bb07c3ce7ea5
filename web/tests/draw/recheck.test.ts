// The second implementation of draws against the vectors of the first: the same digests, orders and verdicts, lie by lie.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { MalformedDrawFile, readDrawFile, writeDrawFile } from '@/draw/file'
import { below, commitmentsDigest, commitmentTo, declarationDigest, drawable, seedOf, select, shuffled, unitKey, words } from '@/draw/lottery'
import { recheck } from '@/draw/recheck'
import { fromHex } from '@/proof/bytes'
import type { DrawDeclared } from '@/protocol/room'

const FOLDER = join(__dirname, '..', '..', '..', 'tests', 'vectors', 'draw')
const text = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')
const read = <T>(name: string): T => JSON.parse(text(name)) as T

type Change = ['set', (string | number)[], unknown] | ['drop', (string | number)[]] | ['swap', number, number]
type Any = Record<string | number, unknown>

function changed(source: string, steps: readonly Change[]): string {
  const value = JSON.parse(source) as { facts: unknown[] }
  for (const step of steps) {
    if (step[0] === 'swap') {
      const [, one, other] = step
      ;[value.facts[one], value.facts[other]] = [value.facts[other], value.facts[one]]
      continue
    }
    const path = step[1]
    const inner = path.slice(0, -1).reduce<Any>((at, name) => at[name] as Any, value as unknown as Any)
    const last = path[path.length - 1] ?? ''
    if (step[0] === 'set') inner[last] = step[2]
    else if (Array.isArray(inner)) inner.splice(Number(last), 1)
    else delete inner[last]
  }
  return JSON.stringify(value)
}

const LETTER = { passed: 'p', failed: 'F', absent: 'a' } as const
const marks = (source: string): string => recheck(readDrawFile(source)).steps.map(({ mark }) => LETTER[mark]).join('')

describe('a draw that was changed, and one that was not', () => {
  const rows = read<Record<string, { of: string; steps: Change[]; marks: string }>>('verdicts.json')
  it.each(Object.keys(rows))('%s', (name) => {
    const row = rows[name]
    expect(marks(changed(text(`${row?.of}.draw.json`), row?.steps ?? []))).toBe(row?.marks)
  })
})

describe('digests and orders', () => {
  it('come out as those of the first implementation', () => {
    interface Row {
      session: string
      body: DrawDeclared
      declaration: string
      values: Record<string, string>
      nonces: Record<string, string>
      commitments: Record<string, string>
      commitments_digest: string
      seed: string
      order: string[]
      drawn: string[]
    }
    for (const row of read<Row[]>('digests.json')) {
      const { parties, draw } = row.body
      expect(declarationDigest(row.session, row.body)).toBe(row.declaration)
      for (const party of parties) {
        expect(commitmentTo(row.session, draw, row.declaration, party, row.values[party] ?? '', row.nonces[party] ?? '')).toBe(row.commitments[party])
      }
      expect(commitmentsDigest(row.declaration, parties, new Map(Object.entries(row.commitments)))).toBe(row.commitments_digest)
      expect(seedOf(row.declaration, parties, new Map(Object.entries(row.values)))).toBe(row.seed)
      expect(shuffled(drawable(row.body), row.seed)).toEqual(row.order)
      expect(select(row.body, row.order)).toEqual(row.drawn)
    }
  })

  it('follow one stream', () => {
    for (const row of read<{ seed: string; words: string[]; options: string[]; order: string[] }[]>('orders.json')) {
      const stream = words(fromHex(row.seed))
      expect(row.words.map(() => (stream.next().value as bigint).toString(16).padStart(16, '0'))).toEqual(row.words)
      expect(shuffled(row.options, row.seed)).toEqual(row.order)
    }
  })

  it('pass over numbers that would favour small remainders', () => {
    const limit = BigInt(2) ** BigInt(64) - (BigInt(2) ** BigInt(64) % BigInt(6))
    expect(below(6, [limit, limit + BigInt(3), BigInt(10)].values())).toBe(4)
    expect(below(6, [limit - BigInt(1)].values())).toBe(5)
    expect(below(8, [BigInt(2) ** BigInt(64) - BigInt(1)].values())).toBe(7)
  })

  it('compare units as the first implementation does', () => {
    for (const [name, key] of read<[string, string][]>('units.json')) expect(unitKey(name)).toBe(key)
  })
})

describe('a file', () => {
  const whole = text('experts.draw.json')
  it.each(['', '[]', 'null', '{}', '{"schema":"evalroom.draw/1"}', whole.slice(0, -20), whole.replace('"count":5', '"count":5.0'), whole.replace('"count":5', '"count":5e0')])(
    'of another form is refused',
    (source) => {
      expect(() => readDrawFile(source)).toThrow(MalformedDrawFile)
    },
  )

  it('with a member twice is refused, however it is written', () => {
    expect(() => readDrawFile(whole.replace('"count":5', '"count":4,"count":5'))).toThrow(MalformedDrawFile)
    expect(() => readDrawFile(whole.replace('"count":5', '"c\\u006funt":4,"count":5'))).toThrow(MalformedDrawFile)
  })

  it.each([
    ['an unknown member', (value: Any) => (value['more'] = 1)],
    ['no facts', (value: Any) => (value['facts'] = [])],
    ['two declarations', (value: Any) => (value['facts'] as unknown[]).push((value['facts'] as unknown[])[0])],
    ['proofs left out', (value: Any) => (value['proofs'] as unknown[]).pop()],
    ['other seats', (value: Any) => (((value['seats'] as Any[])[0] ?? {})['type'] = 'SeatLost')],
    ['a fact of another kind', (value: Any) => (((value['facts'] as Any[])[1] ?? {})['type'] = 'ScoreEntered')],
    ['another draw among the facts', (value: Any) => ((((value['facts'] as Any[])[1] ?? {})['body'] as Any)['draw'] = 'K9')],
  ])('with %s is refused', (_, change) => {
    const value = JSON.parse(whole) as Any
    change(value)
    expect(() => readDrawFile(JSON.stringify(value))).toThrow(MalformedDrawFile)
  })

  it('written by a page is read again', () => {
    const file = readDrawFile(text('from-a-page.draw.json'))
    expect(writeDrawFile(file.session, file.facts)).toBe(text('from-a-page.draw.json'))
  })
})
