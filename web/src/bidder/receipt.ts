// What stands in a receipt (docs/spec/opening.md §6), as far as this page says it; checking it is the command line's matter and the
// verifier's. The picture carries the receipt itself where it fits, without the time stamp, which a machine reads from the file.

/** Most bytes that a code of the largest size holds at the middle level of error correction (ISO/IEC 18004). */
const MOST_IN_CODE = 2331

export interface ReceiptFacts {
  /** Cosignatures under the checkpoint, the log's own not counted. */
  readonly cosignatures: number
  readonly stamped: boolean
}

const SIGNATURE = /^— \S+ [A-Za-z0-9+/=]+$/u

export function readReceipt(text: string): ReceiptFacts {
  const lines = text.split('\n')
  const signatures = lines.filter((line) => SIGNATURE.test(line)).length
  return { cosignatures: Math.max(0, signatures - 1), stamped: lines.some((line) => line.startsWith('tst ')) }
}

/** Return what the picture says: the receipt without its time stamp, or where that is too long, the bid's number alone. */
export function codeText(number: string, receipt: string): { readonly text: string; readonly whole: boolean } {
  const proof = receipt.split('\n').filter((line) => !line.startsWith('tst ')).join('\n')
  const whole = new TextEncoder().encode(proof).length <= MOST_IN_CODE
  return { text: whole ? proof : number, whole }
}
