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
  ['into our memory', new Blob([WHOLE])],
  ['where a stream only makes memory of its own', new OldBlob([WHOLE])],
])('comes in the lengths that are asked for, %s', async (_, blob) => {
  const pieces = new Pieces(blob, MOST)
  let at = 0
  for (const length of LENGTHS) {
    expect(Buffer.compare(await pieces.take(length), WHOLE.subarray(at, at + length))).toBe(0)
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
  for (const length of LENGTHS) {
    const taking = pieces.take(length)
    if (at <= answered && answered < at + length) await vi.advanceTimersByTimeAsync(PATIENCE_MS)
    expect(Buffer.compare(await taking, WHOLE.subarray(at, at + length))).toBe(0)
    at += length
  }
  expect(blob.stopped).toBe(true)
  await expect(pieces.take(1)).rejects.toMatchObject({ code: 'source_unreadable' })
  await pieces.close()
})

it('is refused with the reason when the browser cannot read it any more', async () => {
  const blob = new Blob([WHOLE])
  blob.stream = () => new ReadableStream({ type: 'bytes', pull: (controller) => controller.error(new Error('NotReadableError')) })
  await expect(new Pieces(blob, MOST).take(1)).rejects.toMatchObject({
    code: 'source_unreadable',
    detail: { reason: 'Error: NotReadableError' },
  })
})
