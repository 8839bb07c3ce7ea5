import { describe, expect, it } from 'vitest'

import { compareDecimals, normaliseDecimal, sumDecimals } from '@/grid/decimal'

describe('a decimal as typed', () => {
  it.each([
    ['８．５', '8.5'],
    ['８。５', '8.5'],
    [' 8.50 ', '8.5'],
    ['8.', '8'],
    ['.5', '0.5'],
    ['007', '7'],
    ['0.0', '0'],
    ['0', '0'],
    ['10', '10'],
    ['123456789012345678901234567890.1', '123456789012345678901234567890.1'],
  ])('reads %s as %s', (typed, value) => {
    expect(normaliseDecimal(typed)).toBe(value)
  })

  it.each(['', '.', '-1', '+1', '1e3', '1,000', '八', '0x10', '1.2.3', 'NaN', '９'.repeat(41)])('refuses %s', (typed) => {
    expect(normaliseDecimal(typed)).toBeNull()
  })
})

describe('exact arithmetic', () => {
  it('adds what binary floats cannot', () => {
    expect(sumDecimals([{ value: '0.1', sign: 1 }, { value: '0.2', sign: 1 }])).toBe('0.3')
  })

  it('takes deductions off, below zero too', () => {
    expect(sumDecimals([{ value: '1', sign: 1 }, { value: '2.25', sign: -1 }])).toBe('-1.25')
  })

  it('compares by value, not by text', () => {
    expect(compareDecimals('9.5', '10')).toBe(-1)
    expect(compareDecimals('10', '10.0')).toBe(0)
    expect(compareDecimals('10.01', '10')).toBe(1)
  })
})
