// The draws as this person may see them: a fold of their facts, item by item, and what anyone can work out from it. It holds no rule; the
// room's `draws/rules.py` refused what may not be.

import type { DrawLine } from '@/draw/file'
import { declarationDigest, drawable, seedOf, select, shuffled, successor } from '@/draw/lottery'
import type { DrawDeclared, DrawMade } from '@/protocol/room'

import type { FeedItem } from './feed'

export type DrawState = 'declared' | 'committed' | 'drawn' | 'void'

export interface DrawView {
  readonly declared: DrawDeclared
  readonly by: string
  readonly state: DrawState
  readonly commitments: ReadonlyMap<string, string>
  readonly values: ReadonlyMap<string, string>
  readonly made: DrawMade | null
  /** Who or what is drawn now, after those who left. */
  readonly drawn: readonly string[]
  readonly gone: readonly string[]
  readonly silent: readonly string[]
  /** Where the list of names stands, which nobody reads before check-in. */
  readonly roster: 'none' | 'sealed' | 'unsealed'
  /** Its facts as they came, for the draw's file. */
  readonly facts: readonly DrawLine[]
}

/** Fold one item of the feed; what is not of a draw changes nothing. */
export function evolveDraws(draws: Map<string, DrawView>, item: FeedItem): void {
  if (item.type === 'DrawDeclared') {
    const { body, actor } = item
    draws.set(body.draw, {
      declared: body,
      by: actor,
      state: 'declared',
      commitments: new Map(),
      values: new Map(),
      made: null,
      drawn: [],
      gone: [],
      silent: [],
      roster: 'none',
      facts: [lineOf(item)],
    })
    return
  }
  if (item.type === 'RosterSealed' || item.type === 'RosterUnsealed') {
    const draw = draws.get(item.body.draw)
    if (draw !== undefined) draws.set(item.body.draw, { ...draw, roster: item.type === 'RosterSealed' ? 'sealed' : 'unsealed' })
    return
  }
  const change = changeOf(item)
  if (change === null) return
  const before = draws.get(change.draw)
  if (before === undefined) return
  draws.set(change.draw, { ...before, ...change.make(before), facts: [...before.facts, lineOf(item)] })
}

function lineOf({ type, t, actor, body }: FeedItem): DrawLine {
  return { type, t, actor, body } as DrawLine
}

interface Change {
  readonly draw: string
  readonly make: (before: DrawView) => Partial<DrawView>
}

function changeOf(item: FeedItem): Change | null {
  switch (item.type) {
    case 'DrawCommitted':
      return { draw: item.body.draw, make: (before) => commit(before, item.actor, item.body.commitment) }
    case 'DrawRevealed':
      return { draw: item.body.draw, make: (before) => ({ values: new Map(before.values).set(item.actor, item.body.value) }) }
    case 'DrawMade':
      return { draw: item.body.draw, make: () => ({ state: 'drawn', made: item.body, drawn: item.body.drawn }) }
    case 'DrawVoided':
      return { draw: item.body.draw, make: () => ({ state: 'void', silent: item.body.silent }) }
    case 'DrawContinued': {
      const { draw, out, drawn } = item.body
      const make = (before: DrawView): Partial<DrawView> => ({ gone: [...before.gone, out], drawn: before.drawn.map((one) => (one === out ? drawn : one)) })
      return { draw, make }
    }
    default:
      return null
  }
}

function commit(before: DrawView, party: string, commitment: string): Partial<DrawView> {
  const commitments = new Map(before.commitments).set(party, commitment)
  return { commitments, state: commitments.size === before.declared.parties.length ? 'committed' : 'declared' }
}

// --- questions the pages ask --------------------------------------------------------------------------------

/** List the parties a draw waits for: all that have not taken part, or the one whose turn it is to reveal. */
export function awaited({ state, declared, commitments, values }: DrawView): string[] {
  if (state === 'declared') return declared.parties.filter((party) => !commitments.has(party))
  if (state === 'committed') return declared.parties.filter((party) => !values.has(party)).slice(0, 1)
  return []
}

/** Work the result out again on this computer; false when it comes out otherwise than the journal has it. */
export function comesOutAgain(session: string, { declared, values, made }: DrawView): boolean {
  if (made === null) return false
  const seed = seedOf(declarationDigest(session, declared), declared.parties, values)
  const order = shuffled(drawable(declared), seed)
  const said = JSON.stringify([made.seed, made.order, made.drawn])
  return said === JSON.stringify([seed, order, select(declared, order)])
}

/** Return who comes in when `out` leaves; nothing when no reserve is left. */
export function followerOf({ declared, made, drawn, gone }: DrawView, out: string): string {
  return made === null ? '' : successor(declared, made.order, drawn, out, gone)
}

/** Return the last draw of the same thing, null when there was none. */
export function lastAbout(draws: ReadonlyMap<string, DrawView>, about: Pick<DrawDeclared, 'purpose' | 'lot' | 'subject'>): DrawView | null {
  const same = [...draws.values()].filter(({ declared: { purpose, lot, subject } }) => purpose === about.purpose && lot === about.lot && subject === about.subject)
  return same[same.length - 1] ?? null
}
