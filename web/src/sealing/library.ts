// The algorithms of suite 0x01 for browsers whose WebCrypto lacks them: noble's, by the author of the hashes we use already. Fetched only
// then. Its arithmetic is not constant in time; what it handles is ephemeral or the bidder's own, on the bidder's machine.

import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'

import { concat } from './bytes'
import { type Primitives, withKey } from './primitives'

export const LIBRARY: Primitives = {
  'ML-KEM-768': {
    async publicOf(seed) {
      return concat(ml_kem768.keygen(seed).publicKey)
    },
    async encapsulate(other) {
      return withKey('ML-KEM-768', async () => {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(other)
        return { secret: concat(sharedSecret), ciphertext: concat(cipherText) }
      })
    },
    async decapsulate(seed, ciphertext) {
      return concat(ml_kem768.decapsulate(ciphertext, ml_kem768.keygen(seed).secretKey))
    },
  },
  X25519: {
    async publicOf(seed) {
      return concat(x25519.getPublicKey(seed))
    },
    async agree(seed, other) {
      return withKey('X25519', async () => concat(x25519.getSharedSecret(seed, other)))
    },
  },
  Ed25519: {
    async publicOf(seed) {
      return concat(ed25519.getPublicKey(seed))
    },
    async sign(seed, message) {
      return concat(ed25519.sign(message, seed))
    },
    async verify(publicKey, message, signature) {
      // zip215 takes points that WebCrypto refuses; one signature must not be right in one browser only.
      return quietly(() => ed25519.verify(signature, message, publicKey, { zip215: false }))
    },
  },
  'ML-DSA-65': {
    async publicOf(seed) {
      return concat(ml_dsa65.keygen(seed).publicKey)
    },
    async sign(seed, message) {
      return concat(ml_dsa65.sign(message, ml_dsa65.keygen(seed).secretKey))
    },
    async verify(publicKey, message, signature) {
      return quietly(() => ml_dsa65.verify(signature, message, publicKey))
    },
  },
}

/** The library throws on a signature of another form; to us that is a wrong signature. */
function quietly(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}

