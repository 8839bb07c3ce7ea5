// One line of words for one event, in the person's language; the wall and the replay say the same.

import { i18n } from './index'

/** Members whose values are words of ours. */
const WORDS: Readonly<Record<string, string>> = { after: 'stage', before: 'stage', part: 'part', cause: 'replay.cause' }

export function sayEvent(type: string, actor: string, body: object): string {
  const { t, te } = i18n.global
  const facts: Record<string, unknown> = { actor }
  for (const [name, value] of Object.entries(body)) {
    const words = WORDS[name]
    const key = `${words}.${String(value)}`
    facts[name] = words !== undefined && te(key) ? t(key) : value
  }
  return te(`event.${type}`) ? t(`event.${type}`, facts) : type
}
