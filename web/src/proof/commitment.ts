// A secret value stands in a signed body as a salted commitment; value and nonce travel beside it.
// HMAC-SHA256(nonce, RFC 8785 bytes of [session, cmd, path, value]), archive.md §13; the nonce is 32 bytes, no other.

import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

import type { Commitment, Secret } from '@/protocol/room'

import { fromHex, randomBytes, toHex } from './bytes'
import { canonical } from './canonical'

const NONCE_SIZE = 32

/** Return the commitment to `value` at `path` of the body that command `cmd` leads to, in lower-case hex. */
export function commit(nonce: Uint8Array, session: string, cmd: string, path: string, value: string): string {
  if (nonce.length !== NONCE_SIZE) throw new RangeError('the nonce of a commitment is exactly 32 bytes')
  return toHex(hmac(sha256, nonce, canonical([session, cmd, path, value])))
}

/** Draw a nonce for `value` and return its commitment with the secret that opens it. */
export function seal(session: string, cmd: string, path: string, value: string): { commitment: Commitment; secret: Secret } {
  const nonce = randomBytes(NONCE_SIZE)
  return {
    commitment: { commit: commit(nonce, session, cmd, path, value) },
    secret: { path, value, nonce: toHex(nonce) },
  }
}

/** Say whether `secret` opens `commitment`. */
export function opens(commitment: Commitment, session: string, cmd: string, secret: Secret): boolean {
  return commitment.commit === commit(fromHex(secret.nonce), session, cmd, secret.path, secret.value)
}
