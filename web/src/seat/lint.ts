// What is looked at before a sheet is closed, as the host looks at it (evalroom/checks.py; shared vectors in
// tests/vectors/sheets). Every finding asks or stops; none changes a score. Only the own sheet is looked at.

import { compareDecimals, fractionDigits, multiplyDecimals, sumDecimals } from '@/grid/decimal'
import { canonicalText } from '@/proof/canonical'
import type { Item, Lot, Part, Thresholds } from '@/protocol/room'

export type LintCode =
  | 'empty'
  | 'range'
  | 'reason_missing'
  | 'total'
  | 'weights'
  | 'low'
  | 'same_vector'
  | 'copied_comment'
  | 'unopened'

export interface Finding {
  readonly code: LintCode
  readonly effect: 'block' | 'reason' | 'warn'
  readonly bids: readonly string[]
  readonly items: readonly string[]
}

export interface Entered {
  readonly value: string
  readonly reason: string
}

export interface Told {
  /** Bids that are out of the evaluation. */
  readonly rejected?: readonly string[]
  /** Totals shown to the expert, by bid. */
  readonly totals?: Readonly<Record<string, string>>
  /** Bids whose documents were opened at this seat; absent when that is not known. */
  readonly opened?: ReadonlySet<string>
}

type Look = (bid: string, item: string) => Entered | undefined

const DEFAULTS: Required<Thresholds> = { reason_below: '60', copied_bids: 3, copied_chars: 8, vector_cells: 3, deviation: '30' }
const PLAIN = /^(?:0|[1-9]\d{0,5})(?:\.\d{1,4})?$/

/** Return what is found on a sheet of `lot` and `part`, in the order of the host. */
export function lint(lot: Lot, part: Part, look: Look, told: Told = {}): Finding[] {
  const sheet = new Sheet(lot, part, look, told.rejected ?? [])
  const found = [
    ...sheet.cells(),
    ...sheet.wrongTotals(told.totals),
    ...sheet.low(),
    ...sheet.sameVectors(),
    ...sheet.copied(),
    ...sheet.unopened(told.opened),
  ]
  const seen = new Map(found.map((one) => [findingKey(one) + one.effect, one]))
  return [...seen.values()]
}

/** Return the points that a valid value of an item earns, as a decimal; a verdict earns none. */
export function pointsOf(item: Pick<Item, 'kind' | 'full' | 'options'>, value: string): string {
  if (item.kind === 'score') return value
  if (item.kind === 'choice') return item.options?.find((option) => option.name === value)?.points ?? '0'
  if (item.kind === 'pass') return '0'
  return sumDecimals([
    { value: item.full, sign: 1 },
    { value, sign: -1 },
  ])
}

function total(points: readonly string[]): string {
  return sumDecimals(points.map((value) => ({ value, sign: 1 })))
}

function fits(item: Item, value: string): boolean {
  if (item.kind === 'pass') return value === 'pass' || value === 'fail'
  if (item.kind === 'choice') return item.options?.some((option) => option.name === value) ?? false
  return PLAIN.test(value) && fractionDigits(value) <= item.digits && compareDecimals(value, item.full) <= 0
}

function lacksReason(item: Item, { value, reason }: Entered): boolean {
  const asks = value === 'fail' || (item.kind === 'deduct' && compareDecimals(value, '0') > 0)
  return asks && reason.trim() === ''
}

/** Say whether points lie below the item's share of its weight, so that they want a reason. */
export function isLow(lot: Lot, item: Item, value: string): boolean {
  if (item.kind === 'pass' || !fits(item, value)) return false
  return compareDecimals(multiplyDecimals(pointsOf(item, value), '100'), multiplyDecimals(item.full, shareOf(lot, item))) < 0
}

/** The percentage of an item's weight below which points want a reason. */
export function shareOf(lot: Lot, item: Item): string {
  return item.reason_below ?? lot.checks?.reason_below ?? DEFAULTS.reason_below
}

/** A name for a finding, by which its answer is known. */
export function findingKey({ code, bids, items }: Finding): string {
  return canonicalText([code, bids, items])
}

function finding(code: LintCode, effect: Finding['effect'], bids: readonly string[], items: readonly string[] = []): Finding {
  return { code, effect, bids: [...bids].sort(), items: [...items].sort() }
}

class Sheet {
  readonly #lot: Lot
  readonly #part: Part
  readonly #look: Look
  readonly #items: Item[]
  readonly #bids: string[]
  readonly #checks: Required<Thresholds>

  constructor(lot: Lot, part: Part, look: Look, rejected: readonly string[]) {
    this.#lot = lot
    this.#part = part
    this.#look = look
    this.#items = lot.items.filter((item) => item.part === part)
    this.#bids = lot.bids.map((bid) => bid.id).filter((bid) => part === 'preliminary' || !rejected.includes(bid))
    this.#checks = { ...DEFAULTS, ...lot.checks }
  }

  #entered(bid: string, item: Item): Entered | null {
    const entered = this.#look(bid, item.id)
    return entered === undefined || entered.value === '' ? null : entered
  }

  #valid(bid: string, item: Item): Entered | null {
    const entered = this.#entered(bid, item)
    return entered !== null && fits(item, entered.value) ? entered : null
  }

  #cellFault(bid: string, item: Item): LintCode | null {
    const entered = this.#entered(bid, item)
    if (entered === null) return 'empty'
    if (!fits(item, entered.value)) return 'range'
    return lacksReason(item, entered) ? 'reason_missing' : null
  }

  *cells(): Generator<Finding> {
    for (const bid of this.#bids) {
      for (const item of this.#items) {
        const code = this.#cellFault(bid, item)
        if (code !== null) yield finding(code, 'block', [bid], [item.id])
      }
    }
    const weights = total([...this.#lot.items.map((item) => item.full), this.#lot.pricing.weight])
    if (weights !== '100') yield finding('weights', 'block', [])
  }

  /** Points by bid; a bid with a faulty cell has none, verdicts have none. */
  totals(): Record<string, string> {
    const totals: Record<string, string> = {}
    for (const bid of this.#part === 'detailed' ? this.#bids : []) {
      const entered = this.#items.map((item) => ({ item, cell: this.#valid(bid, item) }))
      if (entered.every(({ cell }) => cell !== null)) {
        totals[bid] = total(entered.map(({ item, cell }) => pointsOf(item, cell?.value ?? '0')))
      }
    }
    return totals
  }

  *wrongTotals(told?: Readonly<Record<string, string>>): Generator<Finding> {
    if (told === undefined) return
    const due = this.totals()
    for (const bid of [...new Set([...Object.keys(due), ...Object.keys(told)])].sort()) {
      const [mine = '', theirs = ''] = [due[bid], told[bid]]
      if (mine === '' || !PLAIN.test(theirs) || compareDecimals(mine, theirs) !== 0) yield finding('total', 'block', [bid])
    }
  }

  *low(): Generator<Finding> {
    for (const bid of this.#bids) {
      for (const item of this.#items) {
        const cell = this.#valid(bid, item)
        if (cell !== null && cell.reason.trim() === '' && isLow(this.#lot, item, cell.value)) {
          yield finding('low', 'reason', [bid], [item.id])
        }
      }
    }
  }

  *sameVectors(): Generator<Finding> {
    const items = this.#items.filter((item) => !item.objective)
    if (this.#part === 'preliminary' || items.length < this.#checks.vector_cells) return
    const alike = new Map<string, string[]>()
    for (const bid of this.#bids) {
      const cells = items.map((item) => this.#valid(bid, item))
      if (cells.some((cell) => cell === null)) continue
      // The sum of one value writes it without zeros at its end: 8.0 is 8.
      const vector = items.map((item, at) => total([pointsOf(item, cells[at]?.value ?? '0')])).join(' ')
      alike.set(vector, [...(alike.get(vector) ?? []), bid])
    }
    for (const bids of alike.values()) if (bids.length > 1) yield finding('same_vector', 'reason', bids)
  }

  *copied(): Generator<Finding> {
    const places = new Map<string, { bids: Set<string>; items: Set<string> }>()
    for (const bid of this.#bids) {
      for (const item of this.#items) {
        const comment = (this.#entered(bid, item)?.reason ?? '').split(/\s+/).filter(Boolean).join(' ')
        if ([...comment].length < this.#checks.copied_chars) continue
        const place = places.get(comment) ?? { bids: new Set(), items: new Set() }
        place.bids.add(bid)
        place.items.add(item.id)
        places.set(comment, place)
      }
    }
    for (const { bids, items } of places.values()) {
      const effect = bids.size >= this.#checks.copied_bids ? 'reason' : 'warn'
      if (bids.size > 1) yield finding('copied_comment', effect, [...bids], [...items])
    }
  }

  *unopened(opened?: ReadonlySet<string>): Generator<Finding> {
    if (opened === undefined) return
    const scored = this.#bids.filter((bid) => this.#items.some((item) => this.#entered(bid, item) !== null))
    for (const bid of scored.sort()) if (!opened.has(bid)) yield finding('unopened', 'warn', [bid])
  }
}

/** Return the points of each bid whose cells are all in order; none in the preliminary part. */
export function totalsOf(lot: Lot, part: Part, look: Look, rejected: readonly string[]): Record<string, string> {
  return new Sheet(lot, part, look, rejected).totals()
}

export interface Answer {
  readonly finding: Finding
  readonly reason: string
}

/** Return the text that a lock commits to: reasons given, and totals as they were shown. */
export function statement(answers: readonly Answer[], totals: Readonly<Record<string, string>>): string {
  const rows = answers.map(({ finding: { code, bids, items }, reason }) => [code, bids, items, reason])
  const shown = Object.entries(totals).sort(([left], [right]) => (left < right ? -1 : 1))
  return canonicalText({ answers: rows, totals: shown })
}
