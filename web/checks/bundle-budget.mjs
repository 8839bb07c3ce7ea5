// What a page may weigh: JavaScript and styles that its first paint needs, gzipped. Fails above the budget.
// Chunks that are loaded later (pdf.js, when the first bid is opened) are not counted.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const STATIC = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'main_site', 'static')

/** Page to its budget in kB (pages.md §1). */
const BUDGETS = {
  'index.html': 180,
  'seat/index.html': 220,
  'wall/index.html': 170,
  'site/index.html': 220,
  'replay/index.html': 520,
  'bidder/index.html': 220,
  'verify/index.html': 130,
}

const manifest = JSON.parse(readFileSync(join(STATIC, 'manifest.json'), 'utf8'))

/** Return every file that the entry `name` needs at once. */
function filesOf(name, seen = new Set()) {
  const chunk = manifest[name]
  if (chunk === undefined) throw new Error(`${name} is not in the manifest`)
  if (seen.has(chunk.file)) return seen
  seen.add(chunk.file)
  for (const style of chunk.css ?? []) seen.add(style)
  for (const imported of chunk.imports ?? []) filesOf(imported, seen)
  return seen
}

let failed = false
for (const [page, budget] of Object.entries(BUDGETS)) {
  const bytes = [...filesOf(page)].reduce((sum, file) => sum + gzipSync(readFileSync(join(STATIC, file))).length, 0)
  const kilobytes = bytes / 1000
  const over = kilobytes > budget
  failed ||= over
  console.log(`${over ? 'OVER' : ' ok '} ${page.padEnd(18)} ${kilobytes.toFixed(1).padStart(6)} of ${budget} kB`)
}
process.exit(failed ? 1 : 0)
