import { describe, expect, it } from 'vitest'

import { codeText, readReceipt } from '@/bidder/receipt'
import { type SheetForm, sheetFault, sheetTexts } from '@/bidder/sheet'
import type { Policy } from '@/sealing/policy'

const FORM: SheetForm = { bidder: ' 甲公司 ', prices: [{ lot: '1', yuan: '３，４１８，８００．５' }], remarks: '' }
const policy = (...names: string[]): Policy => ({ parts: names.map((name) => ({ name, window: 'w', maxSize: 1 })) }) as unknown as Policy
const texts = (form: SheetForm, of: Policy): Record<string, unknown> =>
  Object.fromEntries([...sheetTexts(form, of)].map(([name, text]) => [name, JSON.parse(new TextDecoder().decode(text))]))

describe('a price sheet', () => {
  it('holds whole fen, whatever digits were typed', () => {
    expect(sheetFault(FORM)).toBeNull()
    expect(texts(FORM, policy('identity', 'opening'))).toEqual({
      opening: { v: 1, bidder: '甲公司', prices: [{ lot: '1', price_fen: '341880050' }], remarks: '' },
    })
  })

  it('has its prices in the price part alone where there is one', () => {
    const { opening, price } = texts(FORM, policy('identity', 'opening', 'price')) as Record<string, { prices: unknown[] }>
    expect([opening?.prices.length, price?.prices.length]).toEqual([0, 1])
  })

  it.each([
    ['bidder_missing', { ...FORM, bidder: '  ' }],
    ['lot_missing', { ...FORM, prices: [] }],
    ['lot_twice', { ...FORM, prices: [{ lot: '1', yuan: '1' }, { lot: ' 1', yuan: '2' }] }],
    ['price_bad', { ...FORM, prices: [{ lot: '1', yuan: '1.234' }] }],
    ['price_bad', { ...FORM, prices: [{ lot: '1', yuan: '-5' }] }],
    ['remarks_long', { ...FORM, remarks: '长'.repeat(2001) }],
  ])('is refused: %s', (fault, form) => {
    expect(sheetFault(form)).toBe(fault)
  })
})

describe('a receipt', () => {
  const receipt = 'c2sp.org/tlog-proof@v1\nindex 3\n\nlog\n4\nroot\n\n— log.example AAAA\n— north.example BBBB\ntst CCCC\n'

  it('tells its cosignatures and whether it is stamped', () => {
    expect(readReceipt(receipt)).toEqual({ cosignatures: 1, stamped: true })
    expect(readReceipt(receipt.replace(/tst.*\n/, ''))).toEqual({ cosignatures: 1, stamped: false })
  })

  it('stands in the picture without its time stamp, and gives way to the number when it is long', () => {
    expect(codeText('ab', receipt)).toEqual({ text: receipt.replace('tst CCCC\n', ''), whole: true })
    expect(codeText('ab', receipt.replace('root', 'r'.repeat(2400)))).toEqual({ text: 'ab', whole: false })
  })
})
