import 'fake-indexeddb/auto'

import { IDBFactory } from 'fake-indexeddb'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Me } from '@/link/api'
import type { Socket } from '@/link/connection'
import type { FromSeat, ToSeat } from '@/protocol/messages'
import { type SeatEvents, SeatSession } from '@/session/seat'

const { session, audience, items, heads } = JSON.parse(
  readFileSync(resolve(__dirname, '../../../tests/vectors/feed/chain.json'), 'utf8'),
) as { session: string; audience: string; items: string[]; heads: string[] }
const ME: Me = { session, seat: audience, role: 'expert', label: '', title: '', page: 'seat' }

class FakeSocket implements Socket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  readonly sent: FromSeat[] = []

  send(text: string): void {
    this.sent.push(JSON.parse(text) as FromSeat)
  }

  close(): void {}

  says(message: ToSeat): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  welcome(): void {
    this.onopen?.()
    const here = { session, site: 'west', seat: audience, role: 'expert', at_ms: 0, host_online: true } as const
    this.says({ kind: 'welcome', ...here })
  }

  subscriptions(): number[] {
    return this.sent.flatMap((message) => (message.kind === 'subscribe' ? [message.since] : []))
  }
}

const entries = (first: number, last: number, acks: [string, number][] = []): ToSeat => ({
  kind: 'entries',
  first,
  items: items.slice(first - 1, last),
  head: heads[last] ?? '',
  acks,
  audience: '',
})

const told: string[] = []
const sockets: FakeSocket[] = []
let seat: SeatSession

/** Digests, and whether one is held up. */
let held: (() => void)[] | null = null
const digest = crypto.subtle.digest.bind(crypto.subtle)

async function until(met: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(met()).toBe(true), { interval: 1, timeout: 10_000 })
}

beforeEach(async () => {
  vi.stubGlobal('indexedDB', new IDBFactory())
  vi.spyOn(crypto.subtle, 'digest').mockImplementation(async (algorithm, data) => {
    if (held !== null) await new Promise<void>((resolve) => held?.push(resolve))
    return digest(algorithm, data)
  })
  told.length = sockets.length = 0
  held = null
  const events: SeatEvents = {
    welcomed: () => told.push('welcome'),
    items: (new_) => told.push(`items ${new_.map((item) => item.n).join()}`),
    acknowledged: (submit, number) => told.push(`ack ${submit.command.kind} ${number}`),
    refused: (_, refusal) => told.push(`refused ${refusal.code}`),
    outboxChanged: () => undefined,
    linkChanged: () => undefined,
    measured: () => undefined,
    status: () => told.push('status'),
    progress: () => told.push('progress'),
    offered: () => told.push('offer'),
    readOnly: () => undefined,
    faulted: (code) => told.push(code),
    ended: () => undefined,
  }
  seat = await SeatSession.open(ME, events, () => {
    const socket = new FakeSocket()
    sockets.push(socket)
    return socket
  })
  seat.start()
  sockets[0]?.welcome()
  told.length = 0
})

afterEach(() => {
  seat.stop()
  vi.unstubAllGlobals()
})

function socket(number = 0): FakeSocket {
  const found = sockets[number]
  if (found === undefined) throw new Error('no such socket')
  return found
}

describe('a seat whose digests take their time', () => {
  it('takes messages that came meanwhile in their order', async () => {
    held = []
    socket().says(entries(1, 3))
    socket().says(entries(4, 5))
    socket().says(entries(6, 6))
    await until(() => (held?.length ?? 0) > 0)
    expect(told).toEqual([])
    const [first] = held.splice(0)
    held = null
    first?.()
    await until(() => told.length === 3)
    expect(told).toEqual(['items 1,2,3', 'items 4,5', 'items 6'])
  })

  it('tells of a refusal after the items before it, and of an offer at once', async () => {
    void seat.give('pause_session', () => ({ body: { reason: 'fire', resume_at: null }, secrets: [] }))
    await until(() => seat.pending().length === 1)
    const command_id = seat.pending()[0]?.submit.command_id ?? ''
    held = []
    socket().says(entries(1, 2))
    socket().says({ kind: 'refused', command_id, code: 'stale', message: '', detail: {}, seat: '' })
    socket().says({ kind: 'offer', generation: 1, sdp: '', publish: [], view: [] })
    await until(() => (held?.length ?? 0) > 0)
    expect(told).toEqual(['offer'])
    held.splice(0).forEach((go) => go())
    await until(() => told.length === 3)
    expect(told).toEqual(['offer', 'items 1,2', 'refused stale'])
  })

  it('acknowledges a command after its item was handed over', async () => {
    void seat.give('pause_session', () => ({ body: { reason: 'fire', resume_at: null }, secrets: [] }))
    await until(() => seat.pending().length === 1)
    socket().says(entries(1, 2, [[seat.pending()[0]?.submit.command_id ?? '', 2]]))
    await until(() => told.length === 2)
    expect(told).toEqual(['items 1,2', 'ack pause_session 2'])
  })

  it('loses and doubles nothing when the link is cut in the middle of a digest', async () => {
    held = []
    socket().says(entries(1, 70))
    socket().says(entries(71, 80))
    await until(() => (held?.length ?? 0) > 0)
    socket().onclose?.({ code: 1006, reason: '' })
    seat.retryNow()
    socket(1).welcome()
    expect(socket(1).subscriptions()).toEqual([0])
    socket(1).says(entries(1, 75))
    socket(1).says(entries(76, 90))
    const waiting = held.splice(0)
    held = null
    waiting.forEach((go) => go())
    await until(() => told.length === 4)
    const shown = told.slice(1).flatMap((line) => line.split(' ')[1]?.split(',').map(Number) ?? [])
    expect(shown).toEqual(Array.from({ length: 90 }, (_, index) => index + 1))
  })

  it('asks once more after a changed item, not once for everything that was on its way behind it', async () => {
    socket().says(entries(1, 3))
    socket().says({ ...(entries(4, 5) as ToSeat & { kind: 'entries' }), head: heads[6] ?? '' })
    socket().says(entries(6, 7))
    socket().says(entries(8, 9))
    await until(() => socket().subscriptions().length === 2)
    socket().says(entries(4, 9))
    await until(() => told.includes('items 4,5,6,7,8,9'))
    expect(told).toEqual(['items 1,2,3', 'feed_head', 'items 4,5,6,7,8,9'])
    expect(socket().subscriptions()).toEqual([0, 3])
    socket().says(entries(11, 12))
    await until(() => socket().subscriptions().length === 3)
    expect(told.slice(-1)).toEqual(['feed_hole'])
  })
})
