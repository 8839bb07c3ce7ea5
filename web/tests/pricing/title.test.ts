// @vitest-environment node
import { expect, it } from 'vitest'

import en from '@/locale/en'
import zh from '@/locale/zh-CN'
import { formulaTitle } from '@/pricing/title'

it.each(['lowest_price', 'trimmed_mean'] as const)('%s has a word of the pages in both languages', (name) => {
  const { key } = formulaTitle({ name, title: 'x' })
  expect(key).toBe(`result.${name}`)
  expect([zh.result[name], en.result[name]].every((word) => word.length > 0)).toBe(true)
})

it('any other formula is called as the tender calls it', () => {
  expect(formulaTitle({ name: 'F7', title: '复合标底法' })).toEqual({ key: null, title: '复合标底法' })
  expect(formulaTitle({ name: 'F7' })).toEqual({ key: null, title: 'F7' })
  expect(formulaTitle({ name: 'toString', title: '' })).toEqual({ key: null, title: 'toString' })
})
