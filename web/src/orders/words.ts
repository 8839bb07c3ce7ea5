// A proposed act in one line of words.

import { yuan } from '@/locale/format'
import { i18n } from '@/locale/index'
import type { SessionView } from '@/session/view'

import type { Act } from './proposal'

/** What the words are taken from: names of lots and bidders, and the questions there are. */
export interface Named {
  readonly tender: SessionView['tender']
  readonly asides: Pick<SessionView['asides'], 'questions'>
}

function lotTitle(view: Named, lot: string): string {
  return view.tender?.lots.find((one) => one.id === lot)?.title ?? lot
}

function bidder(view: Named, bid: string): string {
  return view.tender?.lots.flatMap((lot) => lot.bids).find((one) => one.id === bid)?.bidder ?? bid
}

/** Say what an act would do. */
export function sayAct(act: Act, view: Named): string {
  const { t } = i18n.global
  switch (act.kind) {
    case 'step_back':
      return t('orders.act.step_back', { stage: t(`stage.${act.after}`) })
    case 'reopen_sheet':
      return t('orders.act.reopen_sheet', { seat: act.seat, part: t(`part.${act.part}`), lot: lotTitle(view, act.lot) })
    case 'replace_expert':
      return t('orders.act.replace_expert', { seat: act.seat, newcomer: act.newcomer })
    case 'correct_price':
      return t('orders.act.correct_price', { bidder: bidder(view, act.bid), price: yuan(act.price_fen) })
    case 'fail_lot':
      return t('orders.act.fail_lot', { lot: lotTitle(view, act.lot) })
    case 'reevaluate':
      return t('orders.act.reevaluate', { ground: t(`orders.ground.${act.ground}`) })
    case 'settle_tie':
      return t('orders.act.settle_tie', { lot: lotTitle(view, act.lot), order: act.order.map((one, at) => `${at + 1}. ${bidder(view, one)}`).join(' ') })
    case 'award_lot':
      return t('orders.act.award_lot', { lot: lotTitle(view, act.lot), bidder: bidder(view, act.bid) })
    case 'confirm_by_two':
      return t('orders.act.confirm_by_two', { seat: act.seat })
    case 'deem_agreed':
      return t('orders.act.deem_agreed', { seat: act.seat, lot: lotTitle(view, act.lot) })
    case 'abort_session':
      return t('orders.act.abort_session')
    case 'release_question':
      return t('orders.act.release_question', { text: view.asides.questions.get(act.question)?.text ?? act.question })
    case 'settle_fault':
      return t('orders.act.settle_fault', { way: t(`asides.way.${act.way}`) })
    case 'reopen_for_complaint':
      return t('orders.act.reopen_for_complaint')
    default:
      return t('orders.act.resume')
  }
}
