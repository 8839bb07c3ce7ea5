import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { retryDelay } from '@/link/backoff'
import { Connection, type ConnectionEvents, type LinkState, type Socket } from '@/link/connection'
import type { FromSeat, ToSeat } from '@/protocol/messages'

class FakeSocket implements Socket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  readonly sent: FromSeat[] = []
  closed = false

  send(text: string): void {
    this.sent.push(JSON.parse(text) as FromSeat)
  }

  close(): void {
    this.closed = true
  }

  says(message: ToSeat): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
}

const PONG: ToSeat = { kind: 'pong', sent_ms: 0, at_ms: 0 }

function setUp(stopOn: (code: number) => boolean = () => false) {
  const sockets: FakeSocket[] = []
  const states: LinkState[] = []
  const received: ToSeat[] = []
  const events: ConnectionEvents = {
    opened: () => undefined,
    received: (message) => received.push(message),
    stateChanged: (state) => states.push(state),
    measured: () => undefined,
    unsent: () => 7,
    closed: (code) => stopOn(code),
  }
  const connection = new Connection(
    () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    events,
    Date.now,
    () => 0.5,
  )
  connection.start()
  const last = (): FakeSocket => sockets[sockets.length - 1] as FakeSocket
  return { connection, sockets, states, received, last }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('the wait before the next try', () => {
  it('grows to a few seconds and never ends', () => {
    expect([0, 1, 2, 3, 4].map((attempt) => retryDelay(attempt, 0.9))).toEqual([0, 300, 1000, 2000, 5000])
    expect(retryDelay(5, 0)).toBe(5000)
    expect(retryDelay(100_000, 0.999)).toBeLessThan(7000)
  })
})

describe('a connection', () => {
  it('tries again for ever when nobody answers', () => {
    const { sockets } = setUp()
    const give = (): void => sockets.forEach((socket) => socket.onclose?.({ code: 1006, reason: '' }))
    for (let hour = 0; hour < 4 * 60 * 10; hour += 1) {
      give()
      vi.advanceTimersByTime(6000)
    }
    expect(sockets.length).toBeGreaterThan(2000)
  })

  it('is weak after three silent seconds and offline after six, and then dials anew', () => {
    const { states, sockets, last } = setUp()
    last().onopen?.()
    last().says(PONG)
    expect(states).toEqual(['online'])
    vi.advanceTimersByTime(3000)
    expect(states).toEqual(['online', 'weak'])
    vi.advanceTimersByTime(3000)
    expect(states).toEqual(['online', 'weak', 'offline'])
    vi.advanceTimersByTime(1000)
    expect(sockets[0]?.closed).toBe(true)
    expect(sockets.length).toBe(2)
  })

  it('beats every two seconds, with what waits in the outbox', () => {
    const { last } = setUp()
    last().onopen?.()
    for (let beat = 0; beat < 5; beat += 1) {
      vi.advanceTimersByTime(2000)
      last().says(PONG)
    }
    const pings = last().sent.filter((message) => message.kind === 'ping')
    expect(pings.length).toBe(6)
    expect(pings[0]).toMatchObject({ unsent: 7 })
  })

  it('hears nothing more from a socket it has given up', () => {
    const { sockets, received, last } = setUp()
    last().onopen?.()
    const ghost = last()
    const handler = ghost.onmessage
    vi.advanceTimersByTime(8000)
    expect(sockets.length).toBe(2)
    handler?.({ data: JSON.stringify({ kind: 'held', command_ids: [] }) })
    expect(received).toEqual([])
  })

  it('gives up a handshake that hangs', () => {
    const { sockets } = setUp()
    vi.advanceTimersByTime(9000)
    expect(sockets.length).toBe(2)
    expect(sockets[0]?.closed).toBe(true)
  })

  it('stops when the node says that the cookie is no longer good', () => {
    const { sockets, last } = setUp((code) => code === 1008)
    last().onclose?.({ code: 1008, reason: 'not_seated' })
    vi.advanceTimersByTime(60_000)
    expect(sockets.length).toBe(1)
  })

  it('sends nothing before the socket is open, and says so', () => {
    const { connection, last } = setUp()
    expect(connection.send({ kind: 'subscribe', since: 0 })).toBe(false)
    last().onopen?.()
    expect(connection.send({ kind: 'subscribe', since: 0 })).toBe(true)
  })

  it('tries at once when the browser says that the network is back', () => {
    const { connection, sockets, last } = setUp()
    for (let attempt = 0; attempt < 6; attempt += 1) {
      last().onclose?.({ code: 1006, reason: '' })
      if (attempt < 5) vi.advanceTimersByTime(7000)
    }
    const before = sockets.length
    connection.retryNow()
    expect(sockets.length).toBe(before + 1)
  })
})
