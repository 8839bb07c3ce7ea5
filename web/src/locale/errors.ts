// An error as a person reads it: a sentence in their language, the stable code small below.

import { Problem } from '@/link/api'
import type { Outcome } from '@/session/seat'

import { i18n } from './index'

/** What went wrong; `sentence` is read in whatever language the page speaks by then, which a person may change meanwhile. */
export interface Said {
  readonly sentence: string
  readonly code: string
}

/** Return what must be done first in the person's language (evalroom/needs.py); null for a refusal of another kind. */
function sayNeeds(detail: Readonly<Record<string, unknown>>): string | null {
  const { t, te } = i18n.global
  if (typeof detail['needs'] !== 'string') return null
  const codes = detail['needs'].split(' ')
  if (!codes.every((code) => te(`unready.${code}`))) return null // a newer host: its own sentence stands
  return codes.map((code) => t(`unready.${code}`, { names: String(detail[code] ?? '') })).join(t('unready.and'))
}

/** Return the sentence for `code`; the node's own sentence stands in for codes this page does not know. */
export function sayCode(code: string, message: string, detail: Readonly<Record<string, unknown>> = {}): Said {
  return {
    get sentence() {
      const { t, te } = i18n.global
      const key = `error.${code}`
      if (te(key)) return t(key, { ...detail, problem: sayNeeds(detail) ?? detail['problem'] })
      return message === '' ? t('error.unknown') : message
    },
    code,
  }
}

export function sayError(error: unknown): Said {
  if (error instanceof Problem) return sayCode(error.code, error.message, error.detail)
  return {
    get sentence() {
      return i18n.global.t('error.unknown')
    },
    code: error instanceof Error ? error.message : String(error),
  }
}

/** Return what went wrong, or null when the command was acknowledged. */
export function sayOutcome(outcome: Outcome): Said | null {
  return outcome.done ? null : sayCode(outcome.code, outcome.message, outcome.detail)
}
