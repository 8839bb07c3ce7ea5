// An error as a person reads it: a sentence in their language, the stable code small below.

import { Problem } from '@/link/api'
import type { Outcome } from '@/session/seat'

import { i18n } from './index'

export interface Said {
  readonly sentence: string
  readonly code: string
}

/** How the host names what a stage still needs (evalroom/session.py), and our words for it. */
const NEEDS: readonly (readonly [string, string])[] = [
  ['bids not yet brought in: ', 'unready.bids'],
  ['experts not yet checked in: ', 'unready.check_in'],
  ['experts who have not yet accepted the discipline notice: ', 'unready.acceptance'],
  ['sheets not yet locked by all members and cosigned, lot: ', 'unready.unlock'],
  ['experts who have not yet signed: ', 'unready.signatures'],
]

/** Return what is still needed in the person's language; an unknown need stands as the host says it. */
export function sayNeed(problem: string): string {
  const known = NEEDS.find(([words]) => problem.startsWith(words))
  return known === undefined ? problem : i18n.global.t(known[1], { names: problem.slice(known[0].length) })
}

/** Return the sentence for `code`; the node's own sentence stands in for codes this page does not know. */
export function sayCode(code: string, message: string, detail: Readonly<Record<string, unknown>> = {}): Said {
  const { t, te } = i18n.global
  const key = `error.${code}`
  const facts = typeof detail['problem'] === 'string' ? { ...detail, problem: sayNeed(detail['problem']) } : { ...detail }
  if (te(key)) return { sentence: t(key, facts), code }
  return { sentence: message === '' ? t('error.unknown') : message, code }
}

export function sayError(error: unknown): Said {
  if (error instanceof Problem) return sayCode(error.code, error.message, error.detail)
  return { sentence: i18n.global.t('error.unknown'), code: error instanceof Error ? error.message : String(error) }
}

/** Return what went wrong, or null when the command was acknowledged. */
export function sayOutcome(outcome: Outcome): Said | null {
  return outcome.done ? null : sayCode(outcome.code, outcome.message, outcome.detail)
}
