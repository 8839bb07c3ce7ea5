// The page of `bench.catchup`: our feed reader, as the pages use it, and Yjs, each over a real WebSocket.

import type { Entries } from '@/protocol/messages'
import { Feed } from '@/session/feed'
import * as Y from 'yjs'

interface Result {
  readonly ms: number
  readonly items: number
  readonly bytes: number
}

const port = location.hash.slice(1)

function open(path: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  socket.binaryType = 'arraybuffer'
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket)
    socket.onerror = () => reject(new Error('no socket'))
  })
}

/** From `subscribe` to the last item taken: received, parsed, chained, and the chain compared with its head. */
async function ours(session: string, audience: string, count: number): Promise<Result> {
  const socket = await open('/feed')
  const feed = new Feed(session, audience)
  let bytes = 0
  let taken: Promise<void> = Promise.resolve()
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const take = async (entries: Entries): Promise<void> => {
      const outcome = await feed.take(entries)
      if (!outcome.accepted) throw new Error(outcome.reason)
      if (feed.number < count) return
      resolve({ ms: performance.now() - began, items: feed.number, bytes })
      socket.close()
    }
    socket.onmessage = (event: MessageEvent<string>) => {
      bytes += event.data.length
      const entries = JSON.parse(event.data) as Entries
      taken = taken.then(() => take(entries))
      taken.catch(reject)
    }
    socket.send(JSON.stringify({ kind: 'subscribe', since: 0, audience: '' }))
  })
}

/** The same number of edits of a Y.Map: as one merged state, or one by one as they happened. */
async function yjs(path: '/state' | '/updates', count: number): Promise<Result> {
  const socket = await open(path)
  const document = new Y.Doc()
  let [bytes, items] = [0, 0]
  const began = performance.now()
  return new Promise((resolve) => {
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => {
      Y.applyUpdate(document, new Uint8Array(event.data))
      bytes += event.data.byteLength
      items += path === '/state' ? count : 1
      if (items < count) return
      resolve({ ms: performance.now() - began, items, bytes })
      socket.close()
    }
    socket.send('go')
  })
}

type Order = ['ours', string, string, number] | ['yjs', '/state' | '/updates', number]

async function carryOut(order: Order): Promise<Result | { readonly failed: string }> {
  try {
    return order[0] === 'ours' ? await ours(order[1], order[2], order[3]) : await yjs(order[1], order[2])
  } catch (error) {
    return { failed: String(error) }
  }
}

void open('/orders').then((orders) => {
  orders.onmessage = async (event: MessageEvent<string>) => {
    orders.send(JSON.stringify(await carryOut(JSON.parse(event.data) as Order)))
  }
})
