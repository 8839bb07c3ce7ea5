// An error as a person reads it: a sentence in their language, the stable code small below.

import { Problem } from '@/link/api'
import type { Outcome } from '@/session/seat'

import { i18n } from './index'

export interface Said {
  readonly sentence: string
  readonly code: string
}

/** Return the sentence for `code`; the node's own sentence stands in for codes this page does not know. */
export function sayCode(code: string, message: string, detail: Readonly<Record<string, unknown>> = {}): Said {
  const { t, te } = i18n.global
  const key = `error.${code}`
  if (te(key)) return { sentence: t(key, { ...detail }), code }
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
