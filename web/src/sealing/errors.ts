// What can go wrong with a sealed bid, each with the stable `code` that the node and the command line use as well.
// Whatever bytes come in, nothing else is thrown by this folder: a RangeError out of a parser is a bug here.

export type SealingCode =
  | 'bad_envelope_signature'
  | 'bytes_missing'
  | 'dealing'
  | 'foreign_envelope'
  | 'half_mismatch'
  | 'malformed_envelope'
  | 'malformed_policy'
  | 'malformed_sealing_key'
  | 'part_damaged'
  | 'policy_refuses'
  | 'root_mismatch'
  | 'sealing_cancelled'
  | 'sealing_failed'
  | 'self_test_failed'
  | 'share_mismatch'
  | 'source_unreadable'
  | 'storage_full'
  | 'suite_unavailable'
  | 'too_few_shares'
  | 'unknown_suite'
  | 'wrap_not_opened'

export type SealingDetail = Readonly<Record<string, string | number>>

export class SealingError extends Error {
  constructor(
    readonly code: SealingCode,
    readonly detail: SealingDetail = {},
  ) {
    super(`${code} ${JSON.stringify(detail)}`)
    this.name = 'SealingError'
  }
}

/** Throw `malformed_envelope`, saying which rule of the format was broken. */
export function malformed(rule: string, detail: SealingDetail = {}): never {
  throw new SealingError('malformed_envelope', { rule, ...detail })
}
