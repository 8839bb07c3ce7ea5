// The duty form (evalroom/appraisal.py): its questions, what speaks against somebody, and what may be sent.

import { call } from '@/link/api'
import type { Tick } from '@/protocol/room'

export type DutyName = Tick['duty']
export type Judgement = Tick['answer']

export const FORM: readonly DutyName[] = [
  'knows_law',
  'read_documents',
  'knows_commercial_terms',
  'knows_specification',
  'negotiates',
  'follows_others',
  'leading_talk',
  'scored_by_standard',
  'scoring_errors',
  'failed_to_ask_clarification',
  'kept_discipline',
  'handed_in_phone',
  'late_or_left_early',
  'useful_advice',
  'dragged_time',
]

const REPROACHES: ReadonlySet<DutyName> = new Set<DutyName>([
  'follows_others',
  'leading_talk',
  'scoring_errors',
  'failed_to_ask_clarification',
  'late_or_left_early',
  'dragged_time',
])

export function isAdverse(tick: Pick<Tick, 'duty' | 'answer'>): boolean {
  return tick.answer === (REPROACHES.has(tick.duty) ? 'yes' : 'no')
}

/** Evidence and suggestion as the host reads them from the journal (evalroom/duty.py). */
export interface Evidence {
  entry: number
  at: number
  what: string
  track: string
}

export interface Suggestion {
  duty: DutyName
  answer: Judgement
  evidence: Evidence[]
}

export function readSuggestions(session: string, seat: string, lot: string): Promise<Suggestion[]> {
  return call('GET', `/api/v1/sessions/${[session, 'duty', seat, lot].map(encodeURIComponent).join('/')}`)
}

/** What a person has decided of a question so far; nothing is ticked before they tick it. */
export interface Draft {
  answer: Judgement | null
  remark: string
  entries: number[]
}

/** The ticks of a form, or null while a question is undecided or speaks against the expert without a ground. */
export function ticksOf(drafts: ReadonlyMap<DutyName, Draft>): Tick[] | null {
  const ticks: Tick[] = []
  for (const duty of FORM) {
    const draft = drafts.get(duty)
    if (draft?.answer == null) return null
    const tick: Tick = { duty, answer: draft.answer, entries: [...draft.entries], remark: draft.remark.trim() }
    if (isAdverse(tick) && tick.entries.length === 0 && tick.remark === '') return null
    ticks.push(tick)
  }
  return ticks
}

/** How many questions are still to be decided. */
export function undecided(drafts: ReadonlyMap<DutyName, Draft>): number {
  return FORM.filter((duty) => (drafts.get(duty)?.answer ?? null) === null).length
}
