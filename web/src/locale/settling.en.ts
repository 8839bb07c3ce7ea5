import type { SettlingMessages } from './settling.zh-CN'

const settling: SettlingMessages = {
  marks: {
    title: 'How the marks were summed',
    none: '{n} members: too few to leave marks out, all count.',
    rule: '{n} members: of each subjective item the {high} highest and {low} lowest marks are left out, the rest is averaged. ',
    widest: 'First all subjective marks of {seat}, whose spread is the widest.',
    spreads: 'Widest spread of each member’s totals over the bids:',
    left_out: 'left out',
    item: 'Item',
    out: 'Members left out',
    mean: 'Mean',
    rounded: '{bidder} {group}: {exact} rounded to {mark}',
  },
  result: {
    settled: 'Tie settled: {bids}.',
    settled_draw: 'By a draw.',
    settled_tenderer: 'By the tenderer, approved by a second person.',
    awarded_ranking: 'Only candidate',
    awarded_vote: 'Chosen by vote',
    awarded_draw: 'Drawn from a tied vote',
    awarded_tenderer: 'Chosen by the tenderer from a tied vote',
  },
  vote: {
    question: { chair: 'Elect the chair of the committee', competition: 'Few bids are left: do they still compete? {lot}', award: 'Recommend a candidate: {lot}' },
    option: { reject_all: 'No competition: reject all bids', go_on: 'They compete: go on' },
    secret: 'Round {round}, secret. Counted when all have voted; who chose whom is never told.',
    yourself: '(yourself)',
    final: 'A ballot cannot be changed.',
    submit: 'Vote',
    cast: 'You have voted; please wait for the others.',
    waits: 'A vote is under way; please wait.',
    votes: '{n} votes',
    outcome: 'Outcome: {option}',
    tied: 'A tie, no outcome. ',
    chair: 'Chair: {seat}',
    open: 'Round {round}, open ballots. Counted once all have voted; then everybody sees who chose what.',
  },
  orders: {
    order: 'Order, first to last',
    raise: 'Move up',
    raise_one: 'Move {bidder} one place up',
    propose: {
      settle_tie: 'Settle a tie',
      award_lot: 'Settle a tied vote',
    },
    hint: {
      settle_tie: 'Total and every declared key are equal: the tenderer decides, with a reason; it cannot be undone. A second person approves it.',
      award_lot: 'After the last round the vote is still tied: the tenderer chooses among the tied, with a reason; it cannot be undone. A second person approves it.',
    },
  },
}

export default settling
