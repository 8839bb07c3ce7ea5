import { beforeEach, describe, expect, it } from 'vitest'

import { digestOf, type Proposal, stateOf } from '@/standing/api'
import { countOf, emptyRows, forgetDraft, keepDraft, keptDraft, newRow, peopleFrom, peopleOf, type Problem, problemsAt, profileOf, type Table } from '@/wizard/draft'

const PROFILES = { plain: 'name = "plain"\n', works: '# x\nname = "works"\n\n[committee]\nleast = 5\n', strict: 'name = "strict"\n\n[people]\ncheckin = "operator"\nphone = true\nappraisal = true\n' }
const problem = (sheet: string, row: number | null, column: string): Problem => ({ code: 'x', sheet, row, column, found: '', sentence: `${sheet}${row}${column}`, zh: '错', en: 'wrong' })

describe('the wizard', () => {
  beforeEach(() => localStorage.clear())

  it('writes a preset by its name, and what is asked of people as a table of its own', () => {
    expect(profileOf({ preset: 'works', checkin: 'none', phone: false, appraisal: false }, PROFILES)).toBe('works')
    for (const people of [
      { preset: 'works', checkin: 'two', phone: true, appraisal: false },
      { preset: 'plain', checkin: 'operator', phone: false, appraisal: true },
    ] as const) {
      const cell = profileOf(people, PROFILES)
      expect(cell.startsWith(PROFILES[people.preset])).toBe(true)
      expect(peopleOf(cell, PROFILES)).toEqual(people)
    }
  })

  it('starts from what a preset itself asks of people, and writes it by its name until that is changed', () => {
    const strict = peopleFrom('strict', PROFILES)
    expect(strict).toEqual({ preset: 'strict', checkin: 'operator', phone: true, appraisal: true })
    expect(profileOf(strict, PROFILES)).toBe('strict')
    const looser = profileOf({ ...strict, phone: false }, PROFILES)
    expect(looser.match(/\[people\]/g)).toHaveLength(1)
    expect(peopleOf(looser, PROFILES)).toEqual({ ...strict, phone: false })
    expect(peopleOf(profileOf({ ...strict, checkin: 'none', phone: false, appraisal: false }, PROFILES), PROFILES)?.checkin).toBe('none')
  })

  it('leaves a profile that somebody wrote by hand as it is', () => {
    expect(peopleOf('name = "own"\n[people]\ncheckin = "two"\n', PROFILES)).toBeNull()
    expect(peopleOf('', PROFILES)?.preset).toBe('plain')
  })

  it('finds problems by table, entry and column, and counts those of a step', () => {
    const problems = [problem('items', 2, 'full'), problem('items', 2, ''), problem('seats', null, 'role'), problem('', null, '')]
    expect(problemsAt(problems, 'items', 2, 'full')).toHaveLength(1)
    expect(problemsAt(problems, 'items', 2)).toHaveLength(1)
    expect(problemsAt(problems, 'items', 1, 'full')).toHaveLength(0)
    expect([countOf(problems, 'lots'), countOf(problems, 'sites'), countOf(problems, 'project'), countOf(problems, 'check')]).toEqual([2, 1, 0, 1])
  })

  it('keeps a draft over a reload, and takes what it cannot read for none', () => {
    expect(keptDraft()).toBeNull()
    keepDraft({ rows: { project: [{ session: 'S' }] }, step: 'lots', seen: ['project'], atMs: 5 })
    expect(keptDraft()?.rows['project']?.[0]?.['session']).toBe('S')
    localStorage.setItem('evalroom.wizard', '{"rows":')
    expect(keptDraft()).toBeNull()
    localStorage.setItem('evalroom.wizard', '{"rows":{},"step":"moon"}')
    expect(keptDraft()).toBeNull()
    forgetDraft()
    expect(localStorage.getItem('evalroom.wizard')).toBeNull()
  })

  it('begins with a row of what is required, and without terms of sealing', () => {
    const column = { key: 'a', title: '', kind: 'text', meaning: '', about: '', required: true, default: 'x', choices: {}, names: '' } as const
    const table = (key: string, single: boolean, required: boolean): Table => ({ key, title: '', about: '', meaning: '', single, required, columns: [column] })
    const rows = emptyRows([table('project', true, true), table('bids', false, false), table('sealing', true, false)])
    expect(rows).toEqual({ project: [{ a: 'x' }], bids: [], sealing: [] })
    expect(newRow(table('bids', false, false))).toEqual({ a: 'x' })
  })
})

describe('the standing list', () => {
  const proposal: Proposal = { decision: 'd1', subject: 'P-0042', kind: 'suspended', ground: 'left early twice', session: 'S-1', seat: 'E1', entry: 17, since_ms: 864_000_000, until_ms: 3_456_000_000 }
  const one = { ...proposal, digest: '', at: 0, proposed_by: '', proposed_role: '', approved_by: '', refused_by: '', appeal: '', outcome: '' as const, answer: '', in_force: false }

  it('approves the digest of what is shown: the same as the host computes (tests/main_site/test_standing.py)', () => {
    expect(digestOf({ ...one, ...proposal }).slice(0, 16)).toBe('5856f606f366ce32')
  })

  it('says how a decision stands', () => {
    expect(stateOf(one)).toBe('proposed')
    expect(stateOf({ ...one, refused_by: 'R' })).toBe('refused')
    expect(stateOf({ ...one, approved_by: 'R', in_force: true })).toBe('in_force')
    expect(stateOf({ ...one, approved_by: 'R', in_force: true, appeal: 'x' })).toBe('appealed')
    expect(stateOf({ ...one, approved_by: 'R', appeal: 'x', outcome: 'lifted' })).toBe('over')
  })
})
