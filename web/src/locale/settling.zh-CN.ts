// Words of ties, votes on an award and summed marks, for the pages that settle or show them.

const settling = {
  marks: {
    title: '评分汇总过程',
    none: '{n} 名成员，没有达到去掉评分的人数，全部计入平均。',
    rule: '{n} 名成员：主观项逐项去掉 {high} 个最高分、{low} 个最低分，其余平均。',
    widest: '先去掉离差最大的 {seat} 的全部主观分。',
    spreads: '各成员对各投标人总分的最大离差：',
    left_out: '不计入',
    item: '评审项',
    out: '不计入的成员',
    mean: '平均分',
    rounded: '{bidder} {group}：{exact} 取整为 {mark}',
  },
  result: {
    settled: '同分次序已定：{bids}。',
    settled_draw: '由抽签决定。',
    settled_tenderer: '由招标人决定，第二人批准。',
    awarded_ranking: '唯一候选人',
    awarded_vote: '票决选定',
    awarded_draw: '同票抽签选定',
    awarded_tenderer: '同票由招标人选定',
  },
  vote: {
    question: { chair: '推选评标委员会组长', competition: '剩余投标不足，是否仍有竞争性：{lot}', award: '投票推荐中标候选人：{lot}' },
    option: { reject_all: '缺乏竞争，否决全部投标', go_on: '仍有竞争性，继续评审' },
    secret: '第 {round} 轮，无记名。全部投完才计票，谁投给谁始终保密。',
    yourself: '（您自己）',
    final: '投出后不能更改。',
    submit: '投票',
    cast: '您已投票，请等待其他成员。',
    waits: '表决进行中，请等待。',
    votes: '{n} 票',
    outcome: '结果：{option}',
    tied: '票数相同，没有结果。',
    chair: '组长：{seat}',
    open: '第 {round} 轮，记名。全部投完才计票，并公布各人的选择。',
  },
  orders: {
    order: '次序，从前到后',
    raise: '上移',
    raise_one: '把 {bidder} 上移一位',
    propose: {
      settle_tie: '确定同分次序',
      award_lot: '选定票决结果',
    },
    hint: {
      settle_tie: '总分和招标文件规定的各项都相同，由招标人决定次序，写明理由；不能撤销。须由第二人批准。',
      award_lot: '投票轮次用完仍同票，由招标人在同票的候选人中选定，写明理由；不能撤销。须由第二人批准。',
    },
  },
}

export type SettlingMessages = typeof settling
export default settling
