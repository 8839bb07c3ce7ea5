import { afterEach, describe, expect, it } from 'vitest'

import { sayCode, sayError } from '@/locale/errors'
import { i18n, setLanguage } from '@/locale/index'

const REFUSED = {
  stage: 'gathering',
  needs: 'bids check_in',
  bids: '3, 4',
  check_in: 'E2',
  problem: 'bids not yet brought in: 3, 4; seats not yet checked in: E2',
}

describe('what has to be done first', () => {
  const before = i18n.global.locale.value
  afterEach(() => {
    i18n.global.locale.value = before
  })

  it('is said in the language of the page, all of it', async () => {
    i18n.global.locale.value = 'zh-CN'
    expect(sayCode('unready', '', REFUSED).sentence).toBe(
      '还有事情要先完成：投标文件还没有导入：3, 4；还没有签到：E2',
    )
    await setLanguage('en')
    expect(sayCode('unready', '', REFUSED).sentence).toBe(
      'Something has to be done first: bids not yet brought in: 3, 4; not yet checked in: E2',
    )
  })

  it('stands as the host says it when the page does not know a need', () => {
    const sentence = sayCode('unready', '', { ...REFUSED, needs: 'bids full_moon', full_moon: '' }).sentence
    expect(sentence).toContain(REFUSED.problem)
  })
})

it('is said in the language that the page speaks by then, not in that of the moment it went wrong', async () => {
  const before = i18n.global.locale.value
  i18n.global.locale.value = 'zh-CN'
  const [known, unknown] = [sayCode('unready', '', REFUSED), sayError(new Error('boom'))]
  const chinese = [known.sentence, unknown.sentence]
  await setLanguage('en')
  for (const [index, said] of [known, unknown].entries()) {
    expect(said.sentence).not.toBe(chinese[index])
    expect(said.sentence).not.toMatch(/操作没有完成|还有事情/)
  }
  i18n.global.locale.value = before
})
