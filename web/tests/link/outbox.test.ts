import 'fake-indexeddb/auto'

import { IDBFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, it } from 'vitest'

import { openDatabase } from '@/link/database'
import { loadDrafts, saveDraft } from '@/link/drafts'
import { Outbox } from '@/link/outbox'
import type { Submit } from '@/protocol/messages'

function submit(id: string): Submit {
  return {
    kind: 'submit',
    command_id: id,
    command: { kind: 'pause_session', reason: '', resume_at: null },
    secrets: [],
    sig: null,
    client_ms: null,
  }
}

let database: IDBDatabase
beforeEach(async () => {
  database = await openDatabase(new IDBFactory())
})

const ids = (outbox: Outbox): string[] => outbox.all().map((pending) => pending.submit.command_id)

describe('the outbox', () => {
  it('gives back, in order, what a killed tab left in it', async () => {
    const before = await Outbox.open(database, 's/E01')
    await Promise.all(['a', 'b', 'c'].map((id) => before.keep(submit(id))))
    expect(ids(await Outbox.open(database, 's/E01'))).toEqual(['a', 'b', 'c'])
  })

  it('shows nobody another seat’s commands', async () => {
    const own = await Outbox.open(database, 's/E01')
    await own.keep(submit('a'))
    expect((await Outbox.open(database, 's/E02')).size).toBe(0)
    expect((await Outbox.open(database, 't/E01')).size).toBe(0)
  })

  it('lets a command go only when it is settled, and then for good', async () => {
    const outbox = await Outbox.open(database, 's/E01')
    await outbox.keep(submit('a'))
    await outbox.keep(submit('b'))
    expect(outbox.settle('a')?.command_id).toBe('a')
    expect(outbox.settle('a')).toBeNull()
    await outbox.flushed()
    expect(ids(await Outbox.open(database, 's/E01'))).toEqual(['b'])
  })

  it('counts everything as unsent after a new connection', async () => {
    const outbox = await Outbox.open(database, 's/E01')
    await outbox.keep(submit('a'))
    outbox.mark('a', 'held')
    outbox.forgetSent()
    expect(outbox.all()[0]?.progress).toBe('kept')
  })
})

describe('drafts', () => {
  it('live as long as the text is not entered', () => {
    saveDraft('s/E01', '1/plan/B1', '8')
    saveDraft('s/E01', '1/plan/B2', '9')
    saveDraft('s/E01', '1/plan/B1', null)
    expect(loadDrafts('s/E01')).toEqual({ '1/plan/B2': '9' })
    expect(loadDrafts('s/E02')).toEqual({})
    saveDraft('s/E01', '1/plan/B2', null)
    expect(localStorage.getItem('evalroom.drafts.s/E01')).toBeNull()
  })
})
