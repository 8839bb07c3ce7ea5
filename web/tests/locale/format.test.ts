import { describe, expect, it } from 'vitest'

import { duration, fenOf, rational, yuan } from '@/locale/format'

describe('money', () => {
  it('is read into fen without a float', () => {
    expect(fenOf('3,418,800.00')).toBe('341880000')
    expect(fenOf('0.1')).toBe('10')
    expect(fenOf('9007199254740.99')).toBe('900719925474099')
  })

  it.each(['', '1.234', '-1', '1e3', '一万', '.'])('is not read from %s', (text) => {
    expect(fenOf(text)).toBeNull()
  })

  it('is written in yuan', () => {
    expect([yuan(341880000), yuan(5), yuan('123456')]).toEqual(['3,418,800.00', '0.05', '1,234.56'])
  })
})

it('shows exact rationals to a few digits', () => {
  expect([rational('1/3', 4), rational('-7/2'), rational('12.5'), rational('100/1')]).toEqual(['0.3333', '−3.5', '12.5', '100'])
})

it('shows exact rationals without any digit after the point', () => {
  expect([rational('717200100/2', 0), rational('1/3', 0)]).toEqual(['358600050', '0'])
})

it('shows durations as clocks', () => {
  expect([duration(0), duration(61_000), duration(3_661_000)]).toEqual(['0:00', '1:01', '1:01:01'])
})
