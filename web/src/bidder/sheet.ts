// The price sheet as the opening reads it (docs/spec/opening.md §8): a sheet that does not read costs the bid, so it is checked while it
// is typed. In a tender with a `price` part the prices stand there, and the opening part has none.

import { canonical } from '@/proof/canonical'
import { fenOf } from '@/locale/format'
import type { Bytes } from '@/sealing/bytes'
import type { Policy } from '@/sealing/policy'

export interface PriceRow {
  lot: string
  /** Yuan, as typed. */
  yuan: string
}

export interface SheetForm {
  bidder: string
  prices: PriceRow[]
  remarks: string
}

export type SheetFault = 'bidder_missing' | 'bidder_long' | 'lot_missing' | 'lot_twice' | 'price_bad' | 'remarks_long'

const LONGEST_BIDDER = 200
const LONGEST_REMARKS = 2000

/** Return the first thing that is wrong with the form, or null. */
export function sheetFault({ bidder, prices, remarks }: SheetForm): SheetFault | null {
  const lots = prices.map(({ lot }) => lot.trim())
  if (bidder.trim() === '') return 'bidder_missing'
  if ([...bidder.trim()].length > LONGEST_BIDDER) return 'bidder_long'
  if (lots.length === 0 || lots.includes('')) return 'lot_missing'
  if (new Set(lots).size !== lots.length) return 'lot_twice'
  if (prices.some(({ yuan }) => fenOf(halfWidth(yuan)) === null)) return 'price_bad'
  return [...remarks].length > LONGEST_REMARKS ? 'remarks_long' : null
}

/** Return digits, point and comma in their narrow form: Chinese keyboards give wide ones. */
export function halfWidth(text: string): string {
  return text.normalize('NFKC').replace(/。/g, '.')
}

/** Return the plaintexts of the sheets that this policy wants, by part. */
export function sheetTexts(form: SheetForm, policy: Policy): Map<string, Bytes> {
  const prices = form.prices.map(({ lot, yuan }) => ({ lot: lot.trim(), price_fen: fenOf(halfWidth(yuan)) ?? '' }))
  const apart = policy.parts.some(({ name }) => name === 'price')
  const text = (rows: typeof prices, remarks: string): Bytes => canonical({ v: 1, bidder: form.bidder.trim(), prices: rows, remarks })
  const texts = new Map([['opening', text(apart ? [] : prices, form.remarks.trim())]])
  if (apart) texts.set('price', text(prices, ''))
  return texts
}
