// Whether each trustee signed the policy: checked here, because whoever hands out a policy of its own could read the bids.
// A signature of an unknown kind counts as none.

import { ascii, type Bytes, concat, equal, fromBase64 } from '@/sealing/bytes'
import { type Policy, policyDigest, type Trustee } from '@/sealing/policy'
import { primitive } from '@/sealing/primitives'
import { fromHex } from '@/proof/bytes'

import type { PolicySignature } from './api'

export interface CheckedTrustee {
  readonly trustee: Trustee
  readonly good: boolean
}

/** An Ed25519 SubjectPublicKeyInfo (RFC 8410) before its 32 bytes. */
const ED25519_PREFIX = fromHex('302a300506032b6570032100')
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** Return every trustee of the policy, and whether its signature is there and right. */
export function checkSignatures(policy: Policy, signatures: readonly PolicySignature[]): Promise<CheckedTrustee[]> {
  const message = concat(ascii('EVB1 policy'), policyDigest(policy))
  return Promise.all(
    policy.trustees.map(async (trustee) => {
      const given = signatures.find((one) => one.trustee === trustee.name)
      return { trustee, good: given !== undefined && (await verifies(trustee.signer, message, given.signature)) }
    }),
  )
}

async function verifies(spki: Bytes, message: Bytes, signature: string): Promise<boolean> {
  try {
    const given = fromBase64(signature)
    const head = spki.subarray(0, ED25519_PREFIX.length)
    if (equal(head, ED25519_PREFIX)) return await (await primitive('Ed25519')).verify(spki.slice(ED25519_PREFIX.length), message, given)
    const key = await crypto.subtle.importKey('spki', spki, P256, false, ['verify'])
    return await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, given, message)
  } catch {
    return false // no key or no signature: to a bidder the same as none
  }
}
