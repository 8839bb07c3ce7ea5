// Reading the opening record (docs/spec/opening.md §8), and who answers for a cause before the record says it.

export interface RecordRow {
  /** Id on the sheets, empty for a bid that joins no lot. */
  readonly bid: string
  readonly number: string
  readonly bidder: string
  readonly verdict: string
  readonly cause: string
  readonly party: string
  readonly prices: readonly { readonly lot: string; readonly price_fen: string }[]
}

const PARTIES: Readonly<Record<string, string>> = {
  root_mismatch: 'platform',
  platform_fault: 'platform',
  not_released: 'bidder',
  half_mismatch: 'bidder',
  dealing: 'bidder',
  part_damaged: 'bidder',
  identity_mismatch: 'bidder',
  malformed_sheet: 'bidder',
  share_mismatch: 'trustee',
  share_undetermined: 'nobody',
  too_few_shares: 'sites',
  superseded: 'bidder',
}

/** Return who answers for `cause` by the table of verdicts. */
export function partyOf(cause: string): string {
  return PARTIES[cause] ?? 'nobody'
}

/** Return the rows of a record; a text that is none has no rows. */
export function rowsOf(text: string): RecordRow[] {
  try {
    const { rows } = JSON.parse(text) as { rows?: unknown }
    return Array.isArray(rows) ? (rows as RecordRow[]) : []
  } catch {
    return []
  }
}
