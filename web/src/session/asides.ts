// Questions to bidders, requests for time, faults and complaints as this person may see them: a fold of their facts (evalroom/asides.py).
// It holds no rule; of the profile it reads what the pages have to say in advance.

import { sha256 } from '@noble/hashes/sha2.js'
import { shallowReactive } from 'vue'

import { toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import type { Stage } from '@/protocol/room'

import type { FeedItem } from './feed'
import { STAGES } from './stages'

export type QuestionState = 'draft' | 'sent' | 'relayed' | 'answered' | 'silent' | 'annex'

export interface QuestionView {
  readonly question: string
  readonly lot: string
  readonly bid: string
  readonly text: string
  readonly sha256: string
  readonly by: string
  readonly stage: Stage
  readonly atMs: number
  readonly state: QuestionState
  readonly until: number
  /** The answer; null while there is none, or it stays hidden until the names are known. */
  readonly answer: string | null
  readonly hidden: boolean
  readonly paper: boolean
}

export interface FaultView {
  readonly fault: string
  readonly site: string
  readonly what: string
  readonly early: boolean
  readonly limit: number
  readonly mendedMs: number | null
  readonly settled: boolean
}

/** What the rule profile says of all this (evalroom/profile.py). */
export interface AsideRules {
  readonly approval: string
  readonly withinMs: number
  readonly moreTime: number
  readonly beforeMs: number
  readonly duringMs: number
}

export interface AsidesView {
  rules: AsideRules
  readonly questions: Map<string, QuestionView>
  /** Who asks for more time in this stage, and why. */
  readonly asking: Map<string, string>
  extendedUntil: number
  readonly faults: Map<string, FaultView>
  complaint: { readonly number: number; readonly matter: string } | null
  /** Statements by `complaint/seat`. */
  readonly statements: Map<string, string>
}

const HOUR = 3_600_000
const PLAIN: AsideRules = { approval: 'none', withinMs: 2 * HOUR, moreTime: 1 / 3, beforeMs: 2 * HOUR, duringMs: 4 * HOUR }

export function emptyAsides(): AsidesView {
  return shallowReactive({
    rules: PLAIN,
    questions: shallowReactive(new Map()),
    asking: shallowReactive(new Map()),
    extendedUntil: 0,
    faults: shallowReactive(new Map()),
    complaint: null,
    statements: shallowReactive(new Map()),
  })
}

/** The digest that is sent, approved and signed (evalroom/clarification.py): the bid is left out. */
export function questionDigest(question: string, text: string): string {
  return toHex(sha256(canonical({ question, text })))
}

/** Fold one item in; `stage` is the one it happened in. What is of something else changes nothing. */
export function evolveAsides(view: AsidesView, item: FeedItem, stage: Stage): void {
  switch (item.type) {
    case 'SessionOpened':
      view.rules = rulesOf(item.body.profile ?? '')
      return
    case 'QuestionDrafted':
      view.questions.set(item.body.question, {
        ...item.body,
        sha256: questionDigest(item.body.question, item.body.text),
        by: item.actor,
        stage,
        atMs: item.t,
        state: 'draft',
        until: 0,
        answer: null,
        hidden: false,
        paper: false,
      })
      return
    case 'QuestionSent':
      return change(view, item.body.question, { state: 'sent' })
    case 'QuestionRelayed':
      return change(view, item.body.question, { state: 'relayed', until: item.body.until })
    case 'QuestionAnswered': {
      // Withheld members are absent, whatever the type says.
      const text = (item.body as { text?: string }).text ?? null
      return change(view, item.body.question, { state: 'answered', answer: text, hidden: text === null })
    }
    case 'AnswerEntered':
      return change(view, item.body.question, { state: 'answered', answer: item.body.text, paper: true })
    case 'QuestionUnanswered':
      return change(view, item.body.question, { state: 'silent' })
    case 'MoreTimeAsked':
      view.asking.set(item.actor, item.body.reason)
      return
    case 'MoreTimeGranted':
      view.asking.clear()
      view.extendedUntil = item.body.until
      return
    case 'StageChanged':
      view.asking.clear()
      return
    case 'SteppedBack':
      return voidFrom(view, item.body.after)
    case 'ExpertReplaced':
      return voidFrom(view, 'preliminary')
    case 'FaultDeclared': {
      const early = STAGES.indexOf(stage) < STAGES.indexOf('preliminary')
      const limit = item.t + (early ? view.rules.beforeMs : view.rules.duringMs)
      view.faults.set(item.body.fault, { ...item.body, early, limit, mendedMs: null, settled: false })
      return
    }
    case 'FaultMended':
      return changeFault(view, item.body.fault, { mendedMs: item.t })
    case 'FaultSettled':
      if (item.body.way === 'put_off') return changeFault(view, item.body.fault, { limit: item.body.until, mendedMs: null })
      return changeFault(view, item.body.fault, { settled: true })
    case 'ComplaintOpened':
      view.complaint = { number: item.body.complaint, matter: item.body.matter }
      return
    case 'SupplementSigned':
      view.statements.set(`${item.body.complaint}/${item.actor}`, item.body.statement)
      return
    case 'ComplaintClosed':
      view.complaint = null
      return
    default:
  }
}

function change(view: AsidesView, question: string, to: Partial<QuestionView>): void {
  const one = view.questions.get(question)
  if (one !== undefined) view.questions.set(question, { ...one, ...to, state: one.state === 'annex' ? 'annex' : (to.state ?? one.state) })
}

function changeFault(view: AsidesView, fault: string, to: Partial<FaultView>): void {
  const one = view.faults.get(fault)
  if (one !== undefined) view.faults.set(fault, { ...one, ...to })
}

/** Questions of a stage that is gone through anew are annexes; requests for time count no more. */
function voidFrom(view: AsidesView, stage: Stage): void {
  view.asking.clear()
  for (const [id, one] of [...view.questions]) {
    if (STAGES.indexOf(one.stage) >= STAGES.indexOf(stage)) view.questions.set(id, { ...one, state: 'annex' })
  }
}

/** Faults that hold the session up: neither mended in their time nor settled. */
export function openFaults(view: AsidesView): FaultView[] {
  return [...view.faults.values()].filter((one) => !one.settled && (one.mendedMs === null || one.mendedMs >= one.limit))
}

/** Whether a fault has outlasted its time: only two persons go on from there. */
export function isOverdue(fault: FaultView, now: number): boolean {
  return !fault.settled && (fault.mendedMs ?? now) >= fault.limit
}

/** Questions that the evaluation waits for. */
export function awaited(view: AsidesView): QuestionView[] {
  return [...view.questions.values()].filter(({ state }) => state === 'sent' || state === 'relayed')
}

// --- the profile -------------------------------------------------------------------------------------------------

const UNITS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: HOUR, d: 24 * HOUR }

/** Read what the pages need of a profile that the host has checked. */
export function rulesOf(profile: string): AsideRules {
  return {
    approval: keyOf(profile, 'clarification', 'approval') ?? PLAIN.approval,
    withinMs: span(keyOf(profile, 'clarification', 'within')) ?? PLAIN.withinMs,
    moreTime: share(keyOf(profile, 'review', 'more_time')) ?? PLAIN.moreTime,
    beforeMs: span(keyOf(profile, 'fault', 'before_start')) ?? PLAIN.beforeMs,
    duringMs: span(keyOf(profile, 'fault', 'during')) ?? PLAIN.duringMs,
  }
}

/** Return a text of a table, which stands under its heading or on one line; null when the profile does not say. */
function keyOf(profile: string, table: string, key: string): string | null {
  let here = false
  for (const line of profile.split('\n')) {
    const heading = /^\s*\[([^\]]+)\]/.exec(line)
    if (heading !== null) here = heading[1]?.trim() === table
    const inline = new RegExp(`^\\s*${table}\\s*=\\s*\\{`).test(line)
    const dotted = new RegExp(`^\\s*${table}\\.${key}\\s*=`).test(line)
    const found = new RegExp(`\\b${key}\\s*=\\s*["']([^"']*)["']`).exec(line)
    if (found !== null && (here || inline || dotted)) return found[1] ?? null
  }
  return null
}

function span(text: string | null): number | null {
  const match = /^(\d{1,4})(s|min|h|d)$/.exec(text ?? '')
  return match === null ? null : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
}

function share(text: string | null): number | null {
  const match = /^(\d+)(?:\/(\d+))?$/.exec(text ?? '')
  return match === null ? null : Number(match[1]) / Number(match[2] ?? 1)
}
