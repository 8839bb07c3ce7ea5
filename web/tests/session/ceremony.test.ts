import { describe, expect, it } from 'vitest'

import { type CeremonyView, emptyCeremony, evolveCeremony, isOver, keysAtLarge, windowAt } from '@/session/ceremony'
import type { FeedItem } from '@/session/feed'

const POLICY = JSON.stringify({
  trustees: [{ name: 'host' }, { name: 'north' }],
  windows: [{ name: 'opening' }, { name: 'price' }],
})

function after(...items: [type: FeedItem['type'], body: object, more?: object][]): CeremonyView {
  const view = emptyCeremony()
  items.forEach(([type, body, more], index) => evolveCeremony(view, { n: index, t: 1000 * index, type, site: 'host', actor: 'SV1', body, ...more } as FeedItem))
  return view
}

const DRAFTED: [FeedItem['type'], object] = ['PolicyDrafted', { policy: POLICY, sha256: 'p' }]
const signed = (trustee: string, sha256 = 'p'): [FeedItem['type'], object] => ['PolicySigned', { trustee, sha256 }]
const CLOSED: [FeedItem['type'], object] = ['BidsClosed', { bids: [{ bid: 'a' }, { bid: 'b' }] }]
const OPENED: [FeedItem['type'], object] = ['WindowOpened', { window: 'opening', until: 50_000 }]

describe('the opening on the pages', () => {
  it('is armed once every trustee signed the draft that stands, and no earlier one', () => {
    expect(after(DRAFTED, signed('host'), signed('north', 'older')).state).toBe('drafted')
    expect(after(DRAFTED, signed('host'), signed('north')).state).toBe('armed')
    expect(after(DRAFTED, signed('host'), signed('north'), DRAFTED).signed.size).toBe(0)
  })

  it('counts officers per site and window once', () => {
    const stepped: [FeedItem['type'], object] = ['OfficerSteppedUp', { window: 'opening' }]
    const view = after(CLOSED, stepped, stepped, ['OfficerSteppedUp', { window: 'opening' }, { actor: 'OP1' }])
    expect(view.officers.get('opening/host')).toEqual(['SV1', 'OP1'])
  })

  it('counts a bid as released only with good halves, and once', () => {
    const half = (bid: string, good: boolean): [FeedItem['type'], object] => ['HalfReleased', { window: 'opening', bid, good }]
    const view = after(CLOSED, OPENED, half('a', true), half('a', true), half('b', false))
    expect([...(view.released.get('opening') ?? [])]).toEqual(['a'])
  })

  it('moves the end of the window by the length of a pause', () => {
    const view = after(CLOSED, OPENED, ['CeremonyPaused', { reason: 'link' }], ['CeremonyResumed', { reason: 'back' }])
    expect([view.until, view.paused]).toEqual([51_000, null])
  })

  it('names the window that is open, then the next', () => {
    const record: [FeedItem['type'], object] = ['OpeningRecorded', { window: 'opening', record: '{}', sha256: 'r' }]
    expect(windowAt(after(DRAFTED))?.name).toBe('opening')
    expect(windowAt(after(DRAFTED, OPENED))?.name).toBe('opening')
    expect(windowAt(after(DRAFTED, OPENED, record))?.name).toBe('price')
  })

  it('is destroyed when every trustee destroyed its keys', () => {
    const gone = (trustee: string): [FeedItem['type'], object] => ['KeysDestroyed', { trustee }]
    expect(after(DRAFTED, gone('host')).state).toBe('drafted')
    expect(after(DRAFTED, gone('host'), gone('north')).state).toBe('destroyed')
  })

  it('names the trustees whose keys the session still waits for', () => {
    const view = after(DRAFTED, ['KeysDestroyed', { trustee: 'host' }])
    expect(keysAtLarge(view)).toEqual(['north'])
    const told = after(DRAFTED, ['KeysDestroyed', { trustee: 'host' }], ['KeysNotDestroyed', { trustee: 'north', reason: 'burnt down' }])
    expect(keysAtLarge(told)).toEqual([])
    expect(told.kept.get('north')).toBe('burnt down')
    expect(told.state).not.toBe('destroyed')
  })

  it('is over once every window has its record, or when it was aborted', () => {
    expect(isOver(after(DRAFTED))).toBe(false)
    expect(isOver(after(DRAFTED, ['OpeningAborted', { reason: 'x', bids: 1 }]))).toBe(true)
  })
})
