import { describe, expect, it } from 'vitest'

import { i18n } from '@/locale'
import { sayEvent } from '@/locale/events'
import type { Lot, Tender } from '@/protocol/room'
import type { FeedItem } from '@/session/feed'
import { documentUrl, emptyView, fold, isDark, type SessionView, titleOf } from '@/session/view'

const LOT = { id: '1', title: '一标段', items: [], bids: [], candidates: 1, dark: ['technical'] } as unknown as Lot
const TENDER: Tender = { code: 'T', title: 'T', lots: [LOT] }
const CODES = ['T-0A7', 'T-7KQ']

let number = 0
function item(type: FeedItem['type'], body: object): FeedItem {
  number += 1
  return { n: number, t: number, type, site: 'host', actor: 'host', body } as FeedItem
}

const named = (bid: string, bidder: string): FeedItem =>
  item('DarkBidNamed', { lot: '1', bid, number: 'ab'.repeat(16), bidder, documents: [{ part: 'qualification' }, { part: 'technical' }] })

function dark(): SessionView {
  const view = emptyView()
  fold(view, [item('SessionOpened', { session: 's', tender: TENDER, sites: [], seats: [], rehearsal: false })])
  fold(view, CODES.map((bid) => item('DarkBidAdmitted', { lot: '1', bid })))
  return view
}

describe('a dark lot', () => {
  it('has bids by their codes, and of their documents those that name nobody', () => {
    const view = dark()
    const [lot] = view.tender?.lots ?? []
    expect(lot?.bids.map(titleOf)).toEqual(CODES)
    expect(lot && isDark(lot)).toBe(true)
    expect(documentUrl(view, 'T-7KQ', 'technical')).toBe('/api/v1/documents/T-7KQ?part=technical')
    expect(documentUrl(view, 'T-7KQ', 'qualification')).toBeNull()
  })

  it('shows bidder and code once the bidder is told, and every document', () => {
    const view = dark()
    fold(view, [named('T-7KQ', '澄源水务'), named('T-0A7', '蓝泓')])
    const [lot] = view.tender?.lots ?? []
    expect(lot?.bids.map(titleOf)).toEqual(['蓝泓 T-0A7', '澄源水务 T-7KQ'])
    expect(lot && isDark(lot)).toBe(false)
    expect(documentUrl(view, 'T-7KQ', 'qualification')).toBe('/api/v1/documents/T-7KQ?part=qualification')
    expect(view.ceremony.names.get('ab'.repeat(16))).toBe('蓝泓')
  })

  it('says in its list of events who is who only when that was told', () => {
    i18n.global.locale.value = 'zh-CN'
    const view = dark()
    const price = { bid: 'T-7KQ', price_fen: 100 }
    expect(sayEvent('PriceRead', 'host', price, view.tender)).toContain('T-7KQ')
    fold(view, [named('T-7KQ', '澄源水务')])
    expect(sayEvent('DarkBidAdmitted', 'host', { bid: 'T-7KQ' }, view.tender)).toBe('T-7KQ 进入评标（暗标）')
    expect(sayEvent('DarkBidNamed', 'host', { bid: 'T-7KQ', bidder: '澄源水务' }, view.tender)).toBe('暗标公开：T-7KQ 为 澄源水务')
    expect(sayEvent('PriceRead', 'host', price, view.tender)).toContain('澄源水务')
  })

  it('leaves bids of open lots as they are called', () => {
    expect(titleOf({ id: 'B1', bidder: '甲' })).toBe('甲')
    expect(isDark({ ...LOT, dark: [] })).toBe(false)
  })
})
