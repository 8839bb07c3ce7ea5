// The opening as this person may see it: a fold of its facts, item by item. It holds no rule; the room's `ceremony.py` refused what may not be.

import { shallowReactive } from 'vue'

import type { EventBodies, ListedBid, TrusteeKeyPublished } from '@/protocol/room'

import type { FeedItem } from './feed'

export type CeremonyState = 'drafted' | 'armed' | 'accepting' | 'closed' | 'unsealing' | 'combining' | 'opened' | 'destroyed' | 'aborted'

/** What the page reads of policy.json; the whole text is shown and hashed as it is. */
export interface PolicyFacts {
  readonly deadline: number
  readonly k: number
  readonly min_bids: number
  readonly mode: string
  readonly trustees: readonly { readonly name: string; readonly who: string; readonly kind: string }[]
  readonly windows: readonly { readonly name: string; readonly gate: string; readonly opens_at?: number; readonly release_ms: number }[]
  readonly parts: readonly { readonly name: string; readonly window: string }[]
}

export interface CeremonyView {
  state: CeremonyState
  policy: PolicyFacts | null
  policySha256: string
  readonly keys: Map<string, TrusteeKeyPublished>
  readonly signed: Set<string>
  listed: readonly ListedBid[] | null
  window: string
  until: number
  paused: { readonly reason: string; readonly atMs: number } | null
  abortReason: string
  /** Seats that stepped up, by `window/site`. */
  readonly officers: Map<string, readonly string[]>
  /** Bids whose halves of a window came and were right, by window. */
  readonly released: Map<string, ReadonlySet<string>>
  /** Shares that agree and shares given, by `window/trustee`. */
  readonly shares: Map<string, { readonly good: number; readonly total: number }>
  readonly verdicts: Map<string, EventBodies['BidJudged']>
  readonly records: Map<string, EventBodies['OpeningRecorded']>
  readonly answers: Map<string, readonly EventBodies['RecordConfirmed'][]>
  readonly names: Map<string, string>
  readonly destroyed: Set<string>
  /** Trustees stated not to have destroyed their keys, with the reason. */
  readonly kept: Map<string, string>
}

export function emptyCeremony(): CeremonyView {
  return shallowReactive({
    state: 'drafted' as CeremonyState,
    policy: null,
    policySha256: '',
    keys: shallowReactive(new Map()),
    signed: shallowReactive(new Set<string>()),
    listed: null,
    window: '',
    until: 0,
    paused: null,
    abortReason: '',
    officers: shallowReactive(new Map()),
    released: shallowReactive(new Map()),
    shares: shallowReactive(new Map()),
    verdicts: shallowReactive(new Map()),
    records: shallowReactive(new Map()),
    answers: shallowReactive(new Map()),
    names: shallowReactive(new Map()),
    destroyed: shallowReactive(new Set<string>()),
    kept: shallowReactive(new Map<string, string>()),
  })
}

const trusteesOf = (view: CeremonyView): readonly string[] => view.policy?.trustees.map(({ name }) => name) ?? []

/** Fold one item of the feed; what is not of the opening changes nothing. */
export function evolveCeremony(view: CeremonyView, item: FeedItem): void {
  switch (item.type) {
    case 'TrusteeKeyPublished':
      view.keys.set(item.body.trustee, item.body)
      return
    case 'PolicyDrafted':
      return draft(view, item.body)
    case 'PolicySigned':
      return sign(view, item.body)
    case 'SubmissionsOpened':
      view.state = 'accepting'
      return
    case 'BidsClosed':
      view.state = 'closed'
      view.listed = item.body.bids
      return
    case 'OpeningAborted':
      view.state = 'aborted'
      view.abortReason = item.body.reason
      return
    case 'OfficerSteppedUp':
      return stepUp(view, `${item.body.window}/${item.site}`, item.actor)
    case 'WindowOpened':
    case 'WindowExtended':
      view.state = 'unsealing'
      view.window = item.body.window
      view.until = item.body.until
      return
    case 'HalfReleased':
      if (item.body.good) view.released.set(item.body.window, new Set([...(view.released.get(item.body.window) ?? []), item.body.bid]))
      return
    case 'ShareReleased':
      return takeShares(view, item.body)
    case 'WindowClosed':
      view.state = 'combining'
      return
    case 'BidJudged':
      view.verdicts.set(item.body.bid, item.body)
      return
    case 'OpeningRecorded':
      view.state = 'opened'
      view.records.set(item.body.window, item.body)
      return
    case 'RecordConfirmed':
      view.answers.set(item.body.window, [...(view.answers.get(item.body.window) ?? []), item.body])
      return
    case 'BidAdmitted':
      view.names.set(item.body.number, item.body.bidder)
      return
    case 'CeremonyPaused':
      view.paused = { reason: item.body.reason, atMs: item.t }
      return
    case 'CeremonyResumed':
      return resume(view, item.t)
    case 'KeysNotDestroyed':
      view.kept.set(item.body.trustee, item.body.reason)
      return
    case 'KeysDestroyed':
      view.destroyed.add(item.body.trustee)
      if (view.state !== 'aborted' && trusteesOf(view).every((name) => view.destroyed.has(name))) view.state = 'destroyed'
      return
    default:
  }
}

function draft(view: CeremonyView, { policy, sha256 }: EventBodies['PolicyDrafted']): void {
  view.state = 'drafted'
  view.policy = JSON.parse(policy) as PolicyFacts
  view.policySha256 = sha256
  view.signed.clear()
}

function sign(view: CeremonyView, { trustee, sha256 }: EventBodies['PolicySigned']): void {
  if (sha256 !== view.policySha256) return
  view.signed.add(trustee)
  if (view.state === 'drafted' && trusteesOf(view).every((name) => view.signed.has(name))) view.state = 'armed'
}

function stepUp(view: CeremonyView, key: string, seat: string): void {
  const before = view.officers.get(key) ?? []
  if (!before.includes(seat)) view.officers.set(key, [...before, seat])
}

function takeShares(view: CeremonyView, { window, trustee, bids }: EventBodies['ShareReleased']): void {
  view.shares.set(`${window}/${trustee}`, { good: bids.filter(({ good }) => good).length, total: bids.length })
}

/** No window runs out while the opening stands still: it ends later by the length of the pause. */
function resume(view: CeremonyView, at: number): void {
  if (view.paused !== null && view.state === 'unsealing') view.until += at - view.paused.atMs
  view.paused = null
}

/** Say whether no part will be opened any more, so that trustees destroy their keys. */
export function isOver(view: CeremonyView): boolean {
  if (view.state === 'aborted' || view.state === 'destroyed') return true
  return view.state === 'opened' && (view.policy?.windows.every(({ name }) => view.records.has(name)) ?? false)
}

/** List the trustees that may still hold keys: the session is not closed before there is none. */
export function keysAtLarge(view: CeremonyView): string[] {
  return trusteesOf(view).filter((name) => !view.destroyed.has(name) && !view.kept.has(name))
}

/** Return the window that is open, or the next that will be; null without a policy. */
export function windowAt(view: CeremonyView): PolicyFacts['windows'][number] | null {
  const windows = view.policy?.windows ?? []
  const open = windows.find(({ name }) => name === view.window)
  if (open !== undefined && !view.records.has(open.name)) return open
  return windows.find(({ name }) => !view.records.has(name)) ?? open ?? null
}
