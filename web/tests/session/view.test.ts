import { describe, expect, it } from 'vitest'

import type { Lot, Tender } from '@/protocol/room'
import type { FeedItem } from '@/session/feed'
import { bidsInPlay, committedCells, emptyView, fold, partOf } from '@/session/view'

const LOT: Lot = {
  id: '1',
  title: '一标段',
  items: [
    { id: 'P1', part: 'preliminary', kind: 'pass', title: '资格', standard: '', full: '0', digits: 0, objective: true },
    { id: 'T1', part: 'detailed', kind: 'score', title: '方案', standard: '', full: '70', digits: 1, objective: false },
  ],
  bids: [
    { id: 'B1', bidder: '甲' },
    { id: 'B2', bidder: '乙' },
  ],
  pricing: { name: 'lowest_price', weight: '30', score: { kind: 'value', value: 'full' } },
  candidates: 1,
}
const TENDER: Tender = { code: 'T', title: 'T', lots: [LOT] }

let number = 0
function item(type: FeedItem['type'], body: object, more: Partial<FeedItem> = {}): FeedItem {
  number += 1
  return { n: number, t: 1000 + number, type, site: 'host', actor: 'E01', body, ...more } as FeedItem
}

function opened(): FeedItem {
  return item('SessionOpened', { session: 's', tender: TENDER, sites: [], seats: [], rehearsal: true })
}

function entered(bid: string, id: string, value: string, revision = 1): FeedItem {
  const body = { lot: '1', bid, item: id, revision, value: { commit: `v${revision}` }, reason: { commit: `r${revision}` } }
  return item('ScoreEntered', body, { opened: { '/value': value, '/reason': '' } })
}

describe('the fold', () => {
  it('follows stage, pause and resumption', () => {
    const view = emptyView()
    fold(view, [opened(), item('StageChanged', { before: 'gathering', after: 'briefed', reason: '' })])
    fold(view, [item('SessionPaused', { reason: '设备' }, { actor: 'SUP' })])
    expect([view.stage, view.paused?.reason, view.paused?.by]).toEqual(['briefed', '设备', 'SUP'])
    fold(view, [item('SessionResumed', { reason: '' })])
    expect(view.paused).toBeNull()
  })

  it('keeps the newest revision of a cell, and counts a cleared one as empty', () => {
    const view = emptyView()
    fold(view, [opened(), entered('B1', 'T1', '8'), entered('B2', 'T1', '9'), entered('B1', 'T1', '', 2)])
    expect(view.cells.get('1/B1/T1')?.revision).toBe(2)
    expect(committedCells(view, LOT, 'detailed').map((cell) => cell.bid)).toEqual(['B2'])
  })

  it('makes no cell out of an entry whose value it may not see', () => {
    const view = emptyView()
    const hidden = entered('B1', 'T1', '8')
    delete hidden.opened
    fold(view, [opened(), hidden])
    expect(view.cells.size).toBe(0)
  })

  it('drops rejected bids from the detailed review', () => {
    const view = emptyView()
    fold(view, [opened()])
    expect(bidsInPlay(view, LOT)).toHaveLength(2)
    fold(view, [item('BidsReviewed', { lot: '1', votes: [{ bid: 'B1', against: 2, members: 3, rejected: true }] })])
    expect(bidsInPlay(view, LOT).map((bid) => bid.id)).toEqual(['B2'])
  })

  it('opens the sheets of others in pieces', () => {
    const view = emptyView()
    fold(view, [
      opened(),
      item('GroupUnlocked', { lot: '1', part: 'detailed', sheets: [{ seat: 'E02', digest: 'd' }] }),
      item('SheetOpened', { seat: 'E02', lot: '1', part: 'detailed', cells: [['B1', 'T1', 1, '7', '']] }),
      item('SheetOpened', { seat: 'E02', lot: '1', part: 'detailed', cells: [['B2', 'T1', 1, '6', '略']] }),
    ])
    expect(view.unlocked.has('1/detailed')).toBe(true)
    expect(view.locks.get('E02/1/detailed')).toBe('d')
    expect([...(view.sheets.get('E02/1/detailed')?.entries() ?? [])]).toEqual([
      ['B1/T1', { value: '7', reason: '' }],
      ['B2/T1', { value: '6', reason: '略' }],
    ])
  })

  it('keeps alarms until somebody says how they were dealt with', () => {
    const view = emptyView()
    fold(view, [item('AlarmRaised', { alarm: 'a', code: 'disk_full', seat: '', text: '' })])
    expect(view.alarms.get('a')?.closed).toBeNull()
    fold(view, [item('AlarmClosed', { alarm: 'a', note: '已换盘' }, { actor: 'SUP' })])
    expect(view.alarms.get('a')?.closed).toMatchObject({ by: 'SUP', note: '已换盘' })
  })

  it('is not stopped by a type that a newer node sends', () => {
    const view = emptyView()
    fold(view, [item('SomethingNew' as FeedItem['type'], {}), opened()])
    expect(view.session).toBe('s')
  })

  it('lists what people read, at most a few hundred lines', () => {
    const view = emptyView()
    fold(view, [opened()])
    for (let index = 0; index < 1000; index += 1) fold(view, [item('SeatLost', { seat: 'E01' }), entered('B1', 'T1', '8')])
    expect(view.log.length).toBe(400)
    expect(view.log.every((line) => line.type === 'SeatLost')).toBe(true)
  })
})

it('knows which sheet is open at a stage', () => {
  expect([partOf('preliminary'), partOf('detailed'), partOf('pricing')]).toEqual(['preliminary', 'detailed', null])
})
