// Draws on the pages: the fold of their facts, the operator's draft, and a party's own part.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { beforeEach, describe, expect, it } from 'vitest'

import { declarationOf, type DrawForm, emptyForm, faultOf, linesOf, partiesOf, purposesAt, readPool, usualOptions } from '@/draw/draft'
import { type DrawLine, readDrawFile, writeDrawFile } from '@/draw/file'
import { commitmentTo, declarationDigest } from '@/draw/lottery'
import { keptPart, partFor } from '@/draw/part'
import { recheck } from '@/draw/recheck'
import type { PoolExpert, RankingComputed, Role } from '@/protocol/room'
import { awaited, comesOutAgain, type DrawView, evolveDraws, followerOf, lastAbout } from '@/session/draws'
import type { FeedItem } from '@/session/feed'
import { emptyView, type SessionView } from '@/session/view'

const FOLDER = join(__dirname, '..', '..', '..', 'tests', 'vectors', 'draw')
const fileOf = (name: string) => readDrawFile(readFileSync(join(FOLDER, `${name}.draw.json`), 'utf8'))

function fold(facts: readonly DrawLine[]): Map<string, DrawView> {
  const draws = new Map<string, DrawView>()
  facts.forEach((fact, n) => evolveDraws(draws, { n, site: 'host', ...fact } as FeedItem))
  return draws
}

function only(draws: Map<string, DrawView>): DrawView {
  const [draw] = [...draws.values()]
  if (draw === undefined) throw new Error('no draw')
  return draw
}

describe('a draw folded from a feed', () => {
  const { session, facts } = fileOf('price-parameter')

  it('goes through its states and says whom it waits for', () => {
    const states = facts.map((_, at) => only(fold(facts.slice(0, at + 1))))
    expect(states.map(({ state }) => state)).toEqual([...new Array<string>(4).fill('declared'), ...new Array<string>(5).fill('committed'), 'drawn'])
    expect(awaited(states[0] as DrawView)).toEqual(['O1', 'L1', 'A1', 'S1'])
    expect(awaited(states[1] as DrawView)).toEqual(['L1', 'A1', 'S1'])
    expect(awaited(states[4] as DrawView)).toEqual(['O1'])
    expect(awaited(states[5] as DrawView)).toEqual(['L1'])
    expect(awaited(states[9] as DrawView)).toEqual([])
  })

  it('is worked out again on this computer, and a wished-for result is not', () => {
    expect(comesOutAgain(session, only(fold(facts)))).toBe(true)
    const wished = facts.map((fact) => (fact.type === 'DrawMade' ? { ...fact, body: { ...fact.body, drawn: ['95%'] } } : fact))
    expect(comesOutAgain(session, only(fold(wished)))).toBe(false)
    expect(comesOutAgain('EV-2026-0002', only(fold(facts)))).toBe(false)
    expect(comesOutAgain(session, only(fold(facts.slice(0, -1))))).toBe(false)
  })

  it('gives the file that anyone can recheck', () => {
    const file = readDrawFile(writeDrawFile(session, only(fold(facts)).facts))
    expect(recheck(file).ok).toBe(true)
  })

  it('names who was silent', () => {
    const draw = only(fold(fileOf('void').facts))
    expect([draw.state, draw.silent, awaited(draw)]).toEqual(['void', ['A1'], []])
  })

  it('follows a redraw', () => {
    const { facts: all } = fileOf('experts')
    const draw = only(fold(all.slice(0, -1)))
    const last = all[all.length - 1]
    if (last?.type !== 'DrawContinued') throw new Error('no redraw')
    expect(followerOf(draw, last.body.out)).toBe(last.body.drawn)
    const after = only(fold(all))
    expect(after.drawn).not.toContain(last.body.out)
    expect(followerOf(after, last.body.drawn)).not.toBe(last.body.out)
  })
})

describe('a party', () => {
  beforeEach(() => localStorage.clear())

  it('keeps its value before anybody hears of it, and the same after a reload', () => {
    expect(keptPart('s/O1', 'K1')).toBeNull()
    const part = partFor('s/O1', 'K1')
    expect(part.value).toMatch(/^[0-9a-f]{64}$/)
    expect(partFor('s/O1', 'K1')).toEqual(part)
    expect(keptPart('s/O1', 'K1')).toEqual(part)
    expect(partFor('s/O1', 'K2')).not.toEqual(part)
    expect(partFor('s/L1', 'K1')).not.toEqual(part)
  })

  it('takes no part when the browser cannot keep the value', () => {
    const full = { getItem: () => null, setItem: () => { throw new Error('quota') } } as unknown as Storage
    expect(() => partFor('s/O1', 'K1', full)).toThrow('quota')
  })

  it('commits to a declaration as it saw it', () => {
    const { session, facts } = fileOf('from-a-page')
    const draw = only(fold(facts))
    const digest = declarationDigest(session, draw.declared)
    const other = declarationDigest(session, { ...draw.declared, options: [...draw.declared.options, '99%'] })
    const made = (declaration: string): string => commitmentTo(session, 'K1', declaration, 'O1', '11'.repeat(32), '22'.repeat(32))
    expect(made(digest)).not.toBe(made(other))
  })
})

describe('the operator’s draft', () => {
  const SEATS: [string, Role][] = [['S1', 'supervisor'], ['L1', 'site_operator'], ['E1', 'expert'], ['O1', 'operator'], ['E2', 'expert']]

  function viewOf(more: Partial<SessionView> = {}): SessionView {
    const view = emptyView()
    view.seats = SEATS.map(([code, role]) => ({ code, role, site: 'host', node: 'host', label: code }))
    view.sites = [{ id: 'host', name: 'Host', host: true, node: true }, { id: 'west', name: 'West', host: false, node: true }]
    return Object.assign(view, { rehearsal: true }, more)
  }

  const form = (more: Partial<DrawForm> = {}): DrawForm => ({ ...emptyForm('price_parameter'), subject: ' K ', lot: 'lot1', options: '96%\n\n 97% \n98%', parties: ['S1', 'O1'], ...more })
  const draftOf = (more: Partial<DrawForm> = {}, draws = new Map<string, DrawView>()) => declarationOf(form(more), draws, partiesOf(viewOf()), 1_000)
  const fault = (more: Partial<DrawForm>, draws = new Map<string, DrawView>()) => faultOf(draftOf(more, draws), draws)

  it('lets whoever writes the list reveal first and a supervisor last', () => {
    expect(partiesOf(viewOf())).toEqual(['O1', 'L1', 'S1'])
    expect(draftOf().parties).toEqual(['O1', 'S1'])
  })

  it('trims what was typed and sets the times of both phases', () => {
    expect(draftOf()).toMatchObject({ subject: 'K', options: ['96%', '97%', '98%'], count: 1, closes: 601_000, ends: 1_201_000, redoes: '', draw: 'price_parameter-1' })
    expect(linesOf(' a \r\n\n b ')).toEqual(['a', 'b'])
  })

  it('proposes what is there', () => {
    const view = viewOf()
    view.rankings.set('lot1', { lot: 'lot1', rows: [], ties: ['B2', 'B3'], rejected: [] } satisfies RankingComputed)
    expect(usualOptions(view, 'chair', '')).toEqual(['E1', 'E2'])
    expect(usualOptions(view, 'sub_site', '')).toEqual(['west'])
    expect(usualOptions(view, 'tie', 'lot1')).toEqual(['B2', 'B3'])
    expect(usualOptions(view, 'tie', 'lot2')).toEqual([])
  })

  it('offers what belongs to the stage', () => {
    expect(purposesAt({ stage: 'summary', rehearsal: false })).toEqual(['tie'])
    expect(purposesAt({ stage: 'gathering', rehearsal: false })).not.toContain('price_parameter')
    expect(purposesAt({ stage: 'gathering', rehearsal: true })).toContain('price_parameter')
    expect(purposesAt({ stage: 'opening', rehearsal: false })).toContain('price_parameter')
    expect(purposesAt({ stage: 'signing', rehearsal: false })).toEqual([])
  })

  it.each([
    ['subject', { subject: ' ' }],
    ['lot', { lot: '' }],
    ['list', { options: '' }],
    ['doubles', { options: 'a\na' }],
    ['count', { count: '4' }],
    ['count', { count: 'x' }],
    ['takers', { takers: 'a\nb' }],
    ['parties', { parties: ['O1'] }],
    ['pool', { purpose: 'experts' as const }],
  ])('says that the %s has to be mended', (expected, more) => {
    expect(fault(more)).toBe(expected)
    expect(fault({})).toBeNull()
  })

  it('checks the make-up of a committee before anybody is asked', () => {
    const expert = (id: number, type: PoolExpert['type']): PoolExpert => ({ id: `P-${id}`, type, region: 'GS', units: '00'.repeat(32), recused: id === 1 })
    const experts = [1, 2, 3, 4, 5].map((id) => expert(id, 'technical')).concat([6, 7].map((id) => expert(id, 'economic')))
    const roster = { purpose: 'experts' as const, experts }
    expect(fault(roster)).toBeNull()
    expect(draftOf(roster)).toMatchObject({ lot: '', options: [], count: 5 })
    expect(fault({ ...roster, owners: '1' })).toBe('make_up')
    expect(fault({ ...roster, share: '2/0' })).toBe('make_up')
    expect(fault({ ...roster, places: [{ type: 'technical', region: '', count: '5' }] })).toBe('shortage')
    expect(fault({ ...roster, places: [{ type: 'technical', region: '', count: '' }] })).toBe('places')
  })

  it('holds a void draw again, and nothing twice', () => {
    const about = { purpose: 'price_parameter', lot: 'lot1', subject: 'K' } as const
    const voided = fold(fileOf('void').facts)
    expect(lastAbout(voided, about)?.state).toBe('void')
    expect(draftOf({}, voided).redoes).toBe('K1')
    expect(fault({}, voided)).toBeNull()
    expect(fault({}, fold(fileOf('price-parameter').facts))).toBe('drawn')
    expect(fault({ subject: 'float' }, fold(fileOf('price-parameter').facts))).toBeNull()
  })

  it('takes a pool’s list and nothing else', () => {
    const listed = [{ id: 'P-1', type: 'technical', region: 'GS', units: '00'.repeat(32), recused: false }]
    expect(readPool(JSON.stringify(listed))).toEqual(listed)
    for (const text of ['', '[]', '{}', '[1]', JSON.stringify([{ ...listed[0], units: '设计院' }]), JSON.stringify([{ ...listed[0], type: 'legal' }])]) {
      expect(() => readPool(text)).toThrow(SyntaxError)
    }
  })
})
