// Every code that sealing, the key file and the host's routes end in is a sentence in both languages.
import { describe, expect, it } from 'vitest'

import en from '@/locale/en'
import zh from '@/locale/zh-CN'

/** docs/spec/opening.md §5 and docs/spec/sealed-bid.md §12. */
const CODES = [
  'bid_exists', 'unknown_bid', 'unknown_tender', 'not_accepting', 'deadline_passed', 'piece_mismatch', 'pieces_missing', 'too_large',
  'malformed_envelope', 'unknown_suite', 'policy_refuses', 'foreign_envelope', 'bad_envelope_signature', 'malformed_sealing_key', 'wrap_not_opened',
  'half_mismatch', 'share_mismatch', 'too_few_shares', 'dealing', 'part_damaged', 'identity_mismatch', 'root_mismatch', 'bytes_missing',
  'malformed_policy', 'suite_unavailable', 'sealing_cancelled', 'sealing_failed', 'self_test_failed', 'source_unreadable', 'storage_full',
]

describe.each([['zh-CN', zh.error], ['en', en.error]] as const)('in %s', (_, sentences) => {
  it.each(CODES)('%s is said', (code) => {
    expect((sentences as Record<string, string>)[code]?.length ?? 0).toBeGreaterThan(12)
  })
})
