// What the grid knows of an item, a bid and a cell. It holds no rule of the trade beyond range and digits:
// the host decides, the grid only spares a journey that is sure to be refused.

import { compareDecimals, fractionDigits, normaliseDecimal, sumDecimals } from './decimal'

export type ItemKind = 'score' | 'pass' | 'deduct' | 'choice'

/** One option of a choice item: its name is the cell's value, its points are what it earns. */
export interface GridOption {
  readonly name: string
  readonly points: string
}

export interface GridItem {
  readonly id: string
  readonly title: string
  readonly kind: ItemKind
  /** Canonical decimal; the range of score and deduct is 0 to `max`. */
  readonly max: string
  /** Digits allowed after the point. */
  readonly digits: number
  readonly objective: boolean
  readonly rubric: string
  /** Section in which the item stands; items without one stand in no section. */
  readonly group: string
  /** Of choice items only. */
  readonly options: readonly GridOption[]
  /** Points below which the checks want a reason. */
  readonly low: (value: string) => boolean
  readonly open: boolean
}

export interface GridBid {
  readonly id: string
  readonly title: string
}

export type CellState = 'empty' | 'typing' | 'pending' | 'held' | 'saved' | 'conflict' | 'locked'

export interface Cell {
  readonly state: CellState
  /** What its owner last entered, acknowledged or not. */
  readonly value: string | null
  /** The value in the journal when it differs from ours (`conflict`). */
  readonly theirs: string | null
  readonly revision: number
  readonly reason: string
  /** Stable error code of a refusal, shown beside the cell until it is entered again. */
  readonly refused: string | null
}

export const EMPTY_CELL: Cell = { state: 'empty', value: null, theirs: null, revision: 0, reason: '', refused: null }

/** The mark that stands beside the word of each state: never colour alone (WCAG 1.4.1). */
export const MARKS: Readonly<Record<CellState, string>> = {
  empty: '○',
  typing: '✎',
  pending: '↑',
  held: '⇡',
  saved: '✓',
  conflict: '!',
  locked: '■',
}

export function cellKey(item: string, bid: string): string {
  return `${item}/${bid}`
}

export type EntryFault =
  | 'not_decimal'
  | 'out_of_range'
  | 'too_many_digits'
  | 'not_whole'
  | 'not_pass'
  | 'not_option'
  | 'reason_missing'

export type Entry = { readonly value: string; readonly fault: null } | { readonly value: null; readonly fault: EntryFault }

const PASS_WORDS = new Set(['pass', 'p', 'y', 'yes', '1', '通过', '合格', '是', '√', '✓'])
const FAIL_WORDS = new Set(['fail', 'f', 'n', 'no', '0', '不通过', '不合格', '否', '×', '✗', 'x'])

/** Return what `text` means for `item`, or why it means nothing. */
export function readEntry(item: Pick<GridItem, 'kind' | 'max' | 'digits'> & Partial<Pick<GridItem, 'options'>>, text: string): Entry {
  if (item.kind === 'pass') return readPass(text)
  if (item.kind === 'choice') return readOption(item.options ?? [], text)
  const value = normaliseDecimal(text)
  if (value === null) return { value: null, fault: 'not_decimal' }
  if (compareDecimals(value, item.max) > 0) return { value: null, fault: 'out_of_range' }
  if (fractionDigits(value) > item.digits) return { value: null, fault: item.digits === 0 ? 'not_whole' : 'too_many_digits' }
  return { value, fault: null }
}

function readPass(text: string): Entry {
  const word = text.trim().toLowerCase()
  if (PASS_WORDS.has(word)) return { value: 'pass', fault: null }
  if (FAIL_WORDS.has(word)) return { value: 'fail', fault: null }
  return { value: null, fault: 'not_pass' }
}

/** An option is named as it is declared; another case is forgiven, another name is not. */
function readOption(options: readonly GridOption[], text: string): Entry {
  const name = text.trim()
  const same = (option: GridOption): boolean => option.name.toLowerCase() === name.toLowerCase()
  const option = options.find((each) => each.name === name) ?? options.find(same)
  return option === undefined ? { value: null, fault: 'not_option' } : { value: option.name, fault: null }
}

/** Return what a value earns, in points; verdicts earn none. */
export function pointsOf(item: Pick<GridItem, 'kind' | 'max' | 'options'>, value: string): string {
  if (item.kind === 'score') return value
  if (item.kind === 'choice') return item.options.find((option) => option.name === value)?.points ?? '0'
  if (item.kind === 'pass') return '0'
  return sumDecimals([
    { value: item.max, sign: 1 },
    { value, sign: -1 },
  ])
}

export interface Section {
  readonly group: string
  readonly rows: readonly { readonly item: GridItem; readonly row: number }[]
}

/** Return the items in runs of the same group; `row` counts through all of them. */
export function sectionsOf(items: readonly GridItem[]): Section[] {
  const sections: { group: string; rows: { item: GridItem; row: number }[] }[] = []
  items.forEach((item, row) => {
    const last = sections[sections.length - 1]
    if (last?.group === item.group) last.rows.push({ item, row })
    else sections.push({ group: item.group, rows: [{ item, row }] })
  })
  return sections
}

/** Say whether `value` must be given with a reason: a fail, or points taken off. */
export function needsReason(item: Pick<GridItem, 'kind'>, value: string): boolean {
  return value === 'fail' || (item.kind === 'deduct' && compareDecimals(value, '0') > 0)
}

/** Return the rows and columns of a pasted block; a spreadsheet ends with one empty line, which is dropped. */
export function readBlock(text: string): readonly (readonly string[])[] {
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  if (lines.length > 1 && lines[lines.length - 1] === '') lines.pop()
  return lines.map((line) => line.split('\t'))
}
