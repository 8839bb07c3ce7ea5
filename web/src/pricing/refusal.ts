// What a formula, its inputs or its run can be refused for, with the codes of docs/spec/price-formula.md §12.

export type RefusalCode =
  | 'formula_malformed'
  | 'formula_without_sample'
  | 'sample_differs'
  | 'price_input'
  | 'nothing_to_price'
  | 'trims_too_many'
  | 'formula_undefined'

export class PriceRefusal extends Error {
  constructor(
    readonly code: RefusalCode,
    readonly path: string = '',
    readonly facts: Readonly<Record<string, string | number>> = {},
  ) {
    super(path ? `${code}: ${path}` : code)
  }
}

export function malformed(path: string): PriceRefusal {
  return new PriceRefusal('formula_malformed', path)
}
