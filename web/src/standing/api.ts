// The standing list of the centre (main_site/api/standings.py).

import { sha256 } from '@noble/hashes/sha2.js'

import { call } from '@/link/api'
import { toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'

export type Kind = 'praised' | 'warned' | 'suspended'
export type Outcome = 'upheld' | 'shortened' | 'lifted'

export interface Proposal {
  decision: string
  subject: string
  kind: Kind
  ground: string
  session: string
  seat: string
  entry: number
  since_ms: number
  until_ms: number
}

export interface Decision extends Proposal {
  digest: string
  at: number
  proposed_by: string
  proposed_role: string
  approved_by: string
  refused_by: string
  appeal: string
  outcome: Outcome | ''
  answer: string
  in_force: boolean
}

/** To whom a seat is given: the decisions that were looked at, and why all the same. */
export interface Occupant {
  subject: string
  seen: string[]
  reason: string
}

export interface Line {
  number: number
  at: number
  by: string
  role: string
  type: string
  act: Record<string, unknown> & { decision?: string; decisions?: string[]; seat?: string }
}

export interface List {
  decisions: Decision[]
  trail: Line[]
  head: string
}

const at = (decision: string, act: string): string => `/api/v1/standing/${encodeURIComponent(decision)}/${act}`

export const readList = (): Promise<List> => call('GET', '/api/v1/standing')
export const readOwn = (): Promise<Decision[]> => call('GET', '/api/v1/standing/own')
export const propose = (body: Proposal): Promise<Line> => call('POST', '/api/v1/standing', body)
export const approve = (decision: string, digest: string): Promise<Line> => call('POST', at(decision, 'approve'), { digest })
export const refuse = (decision: string, digest: string, reason: string): Promise<Line> => call('POST', at(decision, 'refuse'), { digest, reason })
export const appeal = (decision: string, text: string): Promise<Line> => call('POST', at(decision, 'appeal'), { text })
export const answer = (decision: string, outcome: Outcome, reason: string, untilMs: number): Promise<Line> =>
  call('POST', at(decision, 'answer'), { outcome, reason, until_ms: untilMs })
export const check = (subjects: readonly string[]): Promise<Record<string, Decision[]>> => call('POST', '/api/v1/standing/check', { subjects })

export const aboutSeat = (subject: string): Promise<Decision[]> => call('POST', '/api/v1/standing/seat', { subject })

/** The digest that a second person approves, of what is shown here and not of what the host says it is. */
export function digestOf(one: Proposal): string {
  const { decision, subject, kind, ground, session, seat, entry, since_ms, until_ms } = one
  return toHex(sha256(canonical({ decision, subject, kind, ground, session, seat, entry, since_ms, until_ms })))
}

/** What can be done with a decision now, by its state; the host decides who. */
export function stateOf(one: Decision): 'proposed' | 'refused' | 'in_force' | 'appealed' | 'over' {
  if (one.refused_by !== '') return 'refused'
  if (one.approved_by === '') return 'proposed'
  if (one.appeal !== '' && one.outcome === '') return 'appealed'
  return one.in_force ? 'in_force' : 'over'
}
