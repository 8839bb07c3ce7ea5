// Every key that a page asks for must exist in both languages, and every key that exists must be asked for.
// Keys built from a variable (`cell.${state}`) count as their prefix.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')

/** Words of all pages, and those of the bidder's and the public page, of draws, reports, settled ties and questions, which lie apart. */
function keysOf(language) {
  return new Map(['', 'asides.', 'bidder.', 'draw.', 'people.', 'report.', 'settling.', 'verify.'].flatMap((page) => [...keysIn(`${page}${language}.ts`)]))
}

/** Return the default export of a language file as dotted keys. */
function keysIn(file) {
  const path = join(SOURCES, 'locale', file)
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true)
  const keys = new Map()
  const walk = (node, prefix) => {
    for (const property of node.properties) {
      const name = property.name.text
      const value = property.initializer
      if (ts.isObjectLiteralExpression(value)) walk(value, `${prefix}${name}.`)
      else keys.set(prefix + name, value.text)
    }
  }
  source.forEachChild((statement) => {
    if (!ts.isVariableStatement(statement)) return
    for (const { initializer } of statement.declarationList.declarations) {
      if (initializer && ts.isObjectLiteralExpression(initializer)) walk(initializer, '')
    }
  })
  return keys
}

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return files(path)
    return /\.(ts|vue)$/.test(entry.name) && !/\/locale\/((asides|bidder|draw|people|report|settling|verify)\.)?(zh-CN|en)\.ts$/.test(path) ? [path] : []
  })
}

const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort().join()

const chinese = keysOf('zh-CN')
const english = keysOf('en')
const problems = []
for (const [key, text] of chinese) {
  const other = english.get(key)
  if (other === undefined) problems.push(`en lacks ${key}`)
  else if (placeholders(text) !== placeholders(other)) problems.push(`${key}: other placeholders in en than in zh-CN`)
  if (text.trim() === '' || other?.trim() === '') problems.push(`${key} is empty`)
}
for (const key of english.keys()) if (!chinese.has(key)) problems.push(`zh-CN lacks ${key}`)

const used = new Set()
const prefixes = new Set()
for (const path of files(SOURCES)) {
  const text = readFileSync(path, 'utf8')
  for (const [, key] of text.matchAll(/\bte?\(\s*'([a-z_A-Z.]+)'/g)) used.add(key)
  for (const [, key] of text.matchAll(/'([a-z_]+\.[a-z_A-Z.]+)'/g)) if (chinese.has(key)) used.add(key)
  for (const [, prefix] of text.matchAll(/`([a-z_]+\.(?:[a-z_]+\.)*[a-z_]*)\$\{/g)) prefixes.add(prefix)
}
// Prefixes that a table of words names (locale/events.ts).
for (const [, prefix] of readFileSync(join(SOURCES, 'locale', 'events.ts'), 'utf8').matchAll(/: '([a-z.]+)'/g)) prefixes.add(`${prefix}.`)

for (const key of used) if (!chinese.has(key)) problems.push(`${key} is asked for and does not exist`)
for (const prefix of prefixes) {
  const known = [...chinese.keys()].some((key) => key.startsWith(prefix))
  if (!known && /^[a-z_]+\.$/.test(prefix)) problems.push(`no key begins with ${prefix}`)
}
for (const key of chinese.keys()) {
  const asked = used.has(key) || [...prefixes].some((prefix) => key.startsWith(prefix))
  if (!asked) problems.push(`${key} exists and is never asked for`)
}

for (const problem of problems) console.log(problem)
console.log(`${chinese.size} keys, ${problems.length} problems`)
process.exit(problems.length > 0 ? 1 : 0)
