// One line of words for one event, in the person's language; the wall and the replay say the same.

import type { Act } from '@/orders/proposal'
import { sayAct } from '@/orders/words'
import type { Tender } from '@/protocol/room'

import { yuan } from './format'
import { i18n } from './index'

/** Members whose values are words of ours, and where those stand. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  after: ['stage'],
  before: ['stage'],
  part: ['part', 'opening.part'],
  cause: ['replay.cause', 'opening.cause'],
  verdict: ['opening.bid'],
}

/** The number of a sealed bid, of which eight digits tell it from all others of a tender. */
const NUMBER = /^[0-9a-f]{32}$/

/** Names of bids and items by id, once per tender: a replay says thousands of lines. */
const NAMES = new WeakMap<Tender, Map<string, string>>()

function namesOf(tender: Tender): Map<string, string> {
  let names = NAMES.get(tender)
  if (names === undefined) {
    names = new Map()
    for (const lot of tender.lots) {
      for (const bid of lot.bids) names.set(`bid/${bid.id}`, bid.bidder || bid.id)
      for (const item of lot.items) names.set(`item/${item.id}`, item.title)
    }
    NAMES.set(tender, names)
  }
  return names
}

/** A track by who is filmed and what is: its id is a path, `site-seat/kind`. */
function sayTrack(track: string): string {
  const [seat = '', kind = ''] = track.split('/')
  const words = `wall.${kind}`
  return i18n.global.te(words) ? `${seat} ${i18n.global.t(words)}` : track
}

/** An act of two persons in words; by its kind where a page has no words for it. */
function sayProposed(act: Act, tender: Tender | null): string {
  const kind = act.kind ?? 'resume'
  return i18n.global.te(`orders.act.${kind}`) ? sayAct(act, { tender, asides: { questions: new Map() } }) : kind
}

/** Return what happened, in words; ids stand where `tender` has no name for them. */
export function sayEvent(type: string, actor: string, body: object, tender: Tender | null): string {
  const { t, te } = i18n.global
  const facts: Record<string, unknown> = { actor }
  for (const [name, value] of Object.entries(body)) {
    const key = WORDS[name]?.map((words) => `${words}.${String(value)}`).find((one) => te(one))
    const named = tender === null || type.startsWith('DarkBid') ? undefined : namesOf(tender).get(`${name}/${String(value)}`)
    if (Array.isArray(value)) facts[name] = value.map((one) => (tender === null ? undefined : namesOf(tender).get(`bid/${String(one)}`)) ?? String(one)).join(', ')
    else if (name === 'act' && typeof value === 'object' && value !== null) facts[name] = sayProposed(value as Act, tender)
    else if (name === 'track') facts[name] = sayTrack(String(value))
    else if (name === 'price_fen') facts['price'] = yuan(Number(value))
    else if (key !== undefined) facts[name] = t(key)
    else facts[name] = named ?? (NUMBER.test(String(value)) ? `${String(value).slice(0, 8)}…` : value)
  }
  const said = te(`event.${variant(type, body)}`) ? variant(type, body) : type
  return te(`event.${said}`) ? t(`event.${said}`, facts) : type
}

/** Say which of the sentences for a type fits. */
function variant(type: string, body: object): string {
  if (type === 'RecordConfirmed' && 'objection' in body && body.objection !== '') return 'RecordObjected'
  if (type === 'HalfReleased' && 'good' in body && body.good === false) return 'HalfRefused'
  return type
}
