// @vitest-environment node
// A chosen file, read piece by piece: into our memory, and where that cannot be had or does not come back.
import { afterEach, expect, it, vi } from 'vitest'

import { PATIENCE_MS, Pieces } from '@/sealing/pieces'

import { pattern } from './bids'

const WHOLE = new Uint8Array([...pattern(100), ...pattern(70_000), ...pattern(3)])
const LENGTHS = [0, 50, 60_000, 1, 10_000, 52]
const MOST = 60_000

/** A blob whose stream is one of objects, as in Chromium 87: it has no reader that fills memory of ours. */
class OldBlob extends Blob {
  override stream(): ReturnType<Blob['stream']> {
    const bytes = super.stream().getReader()
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        const { done, value } = await bytes.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
    }) as ReturnType<Blob['stream']>
  }
}

/** A blob of which a read into our memory never comes back, once `answered` bytes have. */
class StuckBlob extends Blob {
  readonly #answered: number
  stopped = false

  constructor(parts: BlobPart[], answered: number) {
    super(parts)
    this.#answered = answered
  }

  override stream(): ReturnType<Blob['stream']> {
    let at = 0
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        const view = controller.byobRequest?.view as Uint8Array<ArrayBuffer>
        const length = Math.min(view.length, 7_000, this.#answered - at)
        if (length === 0) return
        view.set(new Uint8Array(await this.slice(at, at + length).arrayBuffer()))
        at += length
        controller.byobRequest?.respond(length)
      },
      cancel: () => {
        this.stopped = true
      },
    }) as ReturnType<Blob['stream']>
  }
}

afterEach(() => {
  vi.useRealTimers()
})

it.each([
  ['into our memory', new Blob([WHOLE]), false],
  ['into our memory, read ahead', new Blob([WHOLE]), true],
  ['where a stream only makes memory of its own', new OldBlob([WHOLE]), false],
  ['where a stream only makes memory of its own, read ahead', new OldBlob([WHOLE]), true],
])('comes in the lengths that are asked for, %s', async (_, blob, ahead) => {
  const pieces = new Pieces(blob, MOST)
  let at = 0
  for (const [index, length] of LENGTHS.entries()) {
    const piece = await pieces.take(length, ahead ? LENGTHS[index + 1] : 0)
    expect(Buffer.compare(piece, WHOLE.subarray(at, at + length))).toBe(0)
    at += length
  }
  await expect(pieces.take(1)).rejects.toMatchObject({ code: 'source_unreadable' })
  await pieces.close()
})

it.each([0, 50, 49_050, 60_051])('comes whole though no read comes back after %i bytes', async (answered) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const blob = new StuckBlob([WHOLE], answered)
  const pieces = new Pieces(blob, MOST)
  let at = 0
  for (const [index, length] of LENGTHS.entries()) {
    const taking = pieces.take(length, LENGTHS[index + 1])
    if (at <= answered && answered < at + length) await vi.advanceTimersByTimeAsync(PATIENCE_MS)
    expect(Buffer.compare(await taking, WHOLE.subarray(at, at + length))).toBe(0)
    at += length
  }
  expect(blob.stopped).toBe(true)
  await expect(pieces.take(1)).rejects.toMatchObject({ code: 'source_unreadable' })
  await pieces.close()
})

it('stays as it is while the next piece is read', async () => {
  const pieces = new Pieces(new Blob([WHOLE]), MOST)
  const first = await pieces.take(30_000, 20_000)
  const second = await pieces.take(20_000)
  expect(Buffer.compare(first, WHOLE.subarray(0, 30_000))).toBe(0)
  expect(Buffer.compare(second, WHOLE.subarray(30_000, 50_000))).toBe(0)
  await pieces.close()
})

it('may be stopped while the next piece is read', async () => {
  const blob = new StuckBlob([WHOLE], 50)
  const pieces = new Pieces(blob, MOST)
  await pieces.take(50, 1)
  await pieces.close()
  expect(blob.stopped).toBe(true)
})

it('is refused with the reason when the browser cannot read it any more', async () => {
  const blob = new Blob([WHOLE])
  blob.stream = () => new ReadableStream({ type: 'bytes', pull: (controller) => controller.error(new Error('NotReadableError')) })
  await expect(new Pieces(blob, MOST).take(1)).rejects.toMatchObject({
    code: 'source_unreadable',
    detail: { reason: 'Error: NotReadableError' },
  })
})
