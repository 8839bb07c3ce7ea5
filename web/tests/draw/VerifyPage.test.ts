// The public page: a file in, numbered steps out, in both languages; nothing is sent.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { i18n } from '@/locale'
import en from '@/locale/verify.en'
import zh from '@/locale/verify.zh-CN'
import VerifyPage from '@/verify/VerifyPage.vue'

const FOLDER = join(__dirname, '..', '..', '..', 'tests', 'vectors', 'draw')
const text = (name: string): string => readFileSync(join(FOLDER, `${name}.draw.json`), 'utf8')

i18n.global.mergeLocaleMessage('zh-CN', zh)
i18n.global.mergeLocaleMessage('en', en)

let page: VueWrapper
const open = (): VueWrapper => (page = mount(VerifyPage, { global: { plugins: [i18n] } }))

async function drop(source: string): Promise<void> {
  await page.get('.drop').trigger('drop', { dataTransfer: { files: [new File([source], 'draw.json')] } })
  await flushPromises()
}

beforeEach(() => {
  localStorage.clear()
  location.hash = ''
  i18n.global.locale.value = 'zh-CN'
})
afterEach(() => page.unmount())

describe('the public page', () => {
  it('shows the first failing step in red, and says what to do', async () => {
    open()
    await drop(text('price-parameter').replace('"98%"]', '"98%","99%"]'))
    expect(page.get('.verdict').classes()).toContain('bad')
    expect(page.get('.verdict').text()).toContain('抽签未通过复核')
    const marks = page.findAll('.steps > li').map((step) => step.classes()[0])
    expect(marks.slice(0, 5)).toEqual(['passed', 'passed', 'failed', 'failed', 'failed'])
    expect(page.findAll('.failed .why')[0]?.text()).toBe('O1 公开的不是承诺的数值。')
    expect(page.find('.result').exists()).toBe(false)
  })

  it('shows every step, the result, and what the file does not hold', async () => {
    open()
    await drop(text('from-a-page'))
    expect(page.get('.verdict').text()).toContain('抽签可复算，结果成立')
    expect(page.get('.verdict').text()).toContain('未检查')
    expect(page.findAll('.steps > li').map((step) => step.classes()[0])).toEqual([...new Array<string>(5).fill('passed'), ...new Array<string>(3).fill('absent')])
    expect(page.get('.result').text()).toMatch(/^9[678]%$/)
  })

  it('says it in English, too', async () => {
    open()
    await drop(text('experts'))
    i18n.global.locale.value = 'en'
    await flushPromises()
    expect(page.get('.verdict').text()).toContain('The draw comes out again')
    expect(page.get('.verdict').text()).not.toContain('not checked')
    expect(page.findAll('.result li')).toHaveLength(5)
    expect(page.text()).toContain('Compare it with the one you know from elsewhere')
  })

  it('refuses what is no draw, and takes the next file', async () => {
    open()
    await drop('{}')
    expect(page.get('[role=alert]').text()).toContain('这不是抽签文件')
    await drop(text('void'))
    expect(page.get('.verdict').classes()).toContain('good')
    expect(page.text()).toContain('抽签作废，没有结果')
    await page.get('.again').trigger('click')
    expect(page.find('.drop').exists()).toBe(true)
  })

  it('takes once what a session’s page handed over', async () => {
    localStorage.setItem('evalroom.verify.draw', text('from-a-page'))
    location.hash = '#kept'
    open()
    await flushPromises()
    expect(page.get('.verdict').classes()).toContain('good')
    expect(localStorage.getItem('evalroom.verify.draw')).toBeNull()
  })
})
