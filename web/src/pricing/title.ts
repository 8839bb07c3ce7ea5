// What a formula is called on a page: the two usual ones by the pages' own words, any other as the tender calls it.

const OWN_WORDS = ['lowest_price', 'trimmed_mean'] as const

interface Called {
  readonly name: string
  readonly title?: string
}

/** Return the key of the pages' own word for a formula, or null with the tender's title to show instead. */
export function formulaTitle(formula: Called): { key: string | null; title: string } {
  const own = OWN_WORDS.find((name) => name === formula.name)
  return { key: own ? `result.${own}` : null, title: formula.title || formula.name }
}
