// Bringing the bytes of a handed-in bid anew when the host's copy is damaged: first the hashes by which every piece is known, then the
// pieces that are damaged there. Only the very file that was handed in passes; anything else is refused here, before it is sent.

import { Problem } from '@/link/api'
import { toHex } from '@/proof/bytes'
import { concat, equal, readU32 } from '@/sealing/bytes'
import { Leaf, LEAF_SIZE, MerkleRoot } from '@/sealing/merkle'

import { beginAgain, putAgain } from './api'
import type { BidRecord } from './keyFile'
import { again, read, type UploadOptions } from './upload'

/** Trailer length, signature length, mark: the last bytes of an envelope. */
const END = 12
/** How often the hashes are brought anew: a host that was started again has forgotten them. */
const ROUNDS = 5

/** Bring what is damaged at the host and return how many pieces that was; throws Problem, AbortError. */
export async function bringAgain(record: BidRecord, bytes: Blob, options: UploadOptions): Promise<number> {
  const [tender, bid] = [record.tender, toHex(record.bid)]
  const { leaves, tail } = await knownBy(record, bytes)
  let sent = 0
  for (let round = 1; ; round += 1) {
    try {
      const { piece, have } = await again(() => beginAgain(tender, bid, leaves, tail), bytes.size, options)
      const whole = new Set(have)
      for (let index = 0, done = 0; index * piece < bytes.size; index += 1) {
        const part = bytes.slice(index * piece, (index + 1) * piece)
        if (!whole.has(index)) {
          await again(async () => putAgain(tender, bid, index, await read(part), options.signal), bytes.size, options, done)
          sent += 1
        }
        done += part.size
        options.step({ done, total: bytes.size, waitMs: 0 })
      }
      return sent
    } catch (cause) {
      const forgotten = cause instanceof Problem && cause.code === 'leaves_missing'
      if (!forgotten || round === ROUNDS) throw cause
    }
  }
}

/** Return the hashes of all leaves, joined, and the tail; throws other_bytes for another file than the one handed in. */
async function knownBy(record: BidRecord, bytes: Blob): Promise<{ leaves: Uint8Array<ArrayBuffer>; tail: Uint8Array<ArrayBuffer> }> {
  if (bytes.size !== record.size) throw otherBytes()
  const end = await read(bytes.slice(bytes.size - END))
  const body = bytes.size - END - readU32(end, 0) - readU32(end, 4)
  if (body <= 0) throw otherBytes()
  const tree = new MerkleRoot()
  const hashes: Uint8Array<ArrayBuffer>[] = []
  for (let at = 0; at < body; at += LEAF_SIZE) {
    const leaf = new Leaf()
    leaf.append(await read(bytes.slice(at, Math.min(at + LEAF_SIZE, body))))
    const hash = await leaf.hash()
    hashes.push(hash)
    tree.push(hash)
  }
  if (!equal(tree.root(), record.root)) throw otherBytes()
  return { leaves: concat(...hashes), tail: await read(bytes.slice(body)) }
}

const otherBytes = (): Problem => new Problem('other_bytes', '', 0)
