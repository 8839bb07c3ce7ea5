// The draft of a new session: rows per table as in a template, kept in this browser until the session is opened.

import { call } from '@/link/api'
import type { Opened } from '@/site/operatorApi'
import type { Occupant } from '@/standing/api'

export type Cell = string | number | boolean | null
export type Row = Record<string, Cell>
export type Rows = Record<string, Row[]>

export interface Column {
  key: string
  title: string
  kind: 'name' | 'text' | 'prose' | 'decimal' | 'whole' | 'flag' | 'choice' | 'formula' | 'instant' | 'options'
  meaning: string
  about: string
  required: boolean
  default: Cell
  choices: Record<string, string>
  names: string
}

export interface Table {
  key: string
  title: string
  about: string
  meaning: string
  single: boolean
  required: boolean
  columns: Column[]
}

export interface Form {
  tables: Table[]
  profiles: Record<string, string>
  sample: Rows
}

export interface Problem {
  code: string
  sheet: string
  /** Entries count from 1; null where the problem is the table's. */
  row: number | null
  column: string
  found: string
  sentence: string
  zh: string
  en: string
}

export interface LotSummary {
  id: string
  title: string
  items: number
  bids: number
  candidates: number
  dark: boolean
  formula: string
  weight: string
  samples: { title: string; fen: boolean; bids: { bid: string; price: string; score: string }[] }[]
}

export interface Summary {
  session: string
  code: string
  title: string
  rehearsal: boolean
  deadline: number | null
  lots: LotSummary[]
  sites: { id: string; name: string; host: boolean }[]
  seats: Record<string, number>
  reserves: number
  taken: boolean
  not_joined: string[]
}

export interface Checked {
  problems: Problem[]
  count: number
  summary: Summary | null
}

export const readForm = (): Promise<Form> => call('GET', '/api/v1/drafts/form')
export const readTemplate = (file: File): Promise<{ rows: Rows }> => call('POST', '/api/v1/drafts/read', file)
export const checkDraft = (rows: Rows): Promise<Checked> => call('POST', '/api/v1/drafts/check', { rows })
export const openDraft = (rows: Rows, occupants: Readonly<Record<string, Occupant>> = {}): Promise<Opened> => call('POST', '/api/v1/drafts/open', { rows, occupants })

export const STEPS = ['project', 'lots', 'pricing', 'sites', 'sealing', 'check'] as const
export type Step = (typeof STEPS)[number]

/** Which tables of the template each step edits. */
export const TABLES_OF: Readonly<Record<Step, readonly string[]>> = {
  project: ['project'],
  lots: ['lots', 'items', 'checks', 'bids'],
  pricing: ['pricing', 'trim'],
  sites: ['sites', 'seats'],
  sealing: ['sealing', 'parts'],
  check: [],
}

/** Return the problems of one cell, of a whole row (column empty) or of the table itself (row null). */
export function problemsAt(problems: readonly Problem[], sheet: string, row: number | null, column = ''): Problem[] {
  return problems.filter((one) => one.sheet === sheet && (one.row ?? null) === row && one.column === column)
}

/** How many problems a step has; what names no table belongs to the last one. */
export function countOf(problems: readonly Problem[], step: Step): number {
  const tables = TABLES_OF[step]
  return problems.filter((one) => (one.sheet === '' ? step === 'check' : tables.includes(one.sheet))).length
}

export interface People {
  preset: string
  checkin: 'none' | 'operator' | 'two'
  phone: boolean
  appraisal: boolean
}

const PLAIN_PEOPLE = { checkin: 'none', phone: false, appraisal: false } as const

/** What a profile asks of people, at its very end: as the presets have it, and as it is written here. */
const PEOPLE_TABLE = /\n\[people\]\ncheckin = "(none|operator|two)"\nphone = (true|false)\nappraisal = (true|false)\n?$/

function askedIn(profile: string): Omit<People, 'preset'> {
  const found = PEOPLE_TABLE.exec(profile)
  if (found === null) return PLAIN_PEOPLE
  return { checkin: found[1] as People['checkin'], phone: found[2] === 'true', appraisal: found[3] === 'true' }
}

/** Return a preset as it comes with the product, with what it asks of people. */
export function peopleFrom(preset: string, profiles: Readonly<Record<string, string>>): People {
  return { preset, ...askedIn(profiles[preset] ?? '') }
}

/** Return the cell of the rule profile: a preset's name, or its text with what is asked of people. */
export function profileOf(people: People, profiles: Readonly<Record<string, string>>): string {
  const { preset, checkin, phone, appraisal } = people
  const text = profiles[preset] ?? ''
  const own = askedIn(text)
  if (checkin === own.checkin && phone === own.phone && appraisal === own.appraisal) return preset
  return `${text.replace(PEOPLE_TABLE, '')}\n[people]\ncheckin = "${checkin}"\nphone = ${phone}\nappraisal = ${appraisal}\n`
}

/** Read such a cell back; null for a profile that somebody wrote by hand, which stays as it is. */
export function peopleOf(cell: string, profiles: Readonly<Record<string, string>>): People | null {
  const named = cell.trim()
  if (named === '' || named in profiles) return peopleFrom(named || 'plain', profiles)
  const rest = cell.replace(PEOPLE_TABLE, '')
  const preset = Object.keys(profiles).find((name) => profiles[name]?.replace(PEOPLE_TABLE, '') === rest)
  return rest === cell || preset === undefined ? null : { preset, ...askedIn(cell) }
}

const KEPT = 'evalroom.wizard'

export interface Kept {
  rows: Rows
  step: Step
  /** Steps that were left once: their problems are shown. */
  seen: Step[]
  atMs: number
}

export function keepDraft(kept: Kept): void {
  localStorage.setItem(KEPT, JSON.stringify(kept))
}

/** Return the draft that this browser keeps, or null; one that cannot be read is none. */
export function keptDraft(): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? 'null') as Kept | null
    return kept !== null && typeof kept.rows === 'object' && STEPS.includes(kept.step) ? kept : null
  } catch {
    return null
  }
}

export function forgetDraft(): void {
  localStorage.removeItem(KEPT)
}

/** An empty draft: one row where there is always one, and the operator's first row of what is required. */
export function emptyRows(tables: readonly Table[]): Rows {
  return Object.fromEntries(tables.map((table) => [table.key, table.required || table.single ? (table.key === 'sealing' ? [] : [newRow(table)]) : []]))
}

/** A row with the defaults that its columns have. */
export function newRow(table: Table): Row {
  return Object.fromEntries(table.columns.map((column) => [column.key, column.default]))
}
