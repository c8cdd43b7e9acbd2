/** Reasons, codes and statuses as docs/errors.md and docs/problems.md have them: one source for those who read, and those who ask here. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommandFault, EXIT } from '../exit-code.ts'
import type { Explanation } from './explanation.ts'

type Row = {
  readonly words: readonly string[]
  readonly title: string
  readonly means: string
  readonly remedy: string
}

/** @throws CommandFault where nothing of this name is there */
export function explainReason(word: string): readonly Explanation[] {
  const rows = [...readRows('errors.md', 'token requests'), ...readRows('problems.md', 'administration')]
  const found = rows.filter(({ words }) => words.includes(word))
  if (found.length > 0)
    return found.map(({ title, means, remedy }) => ({
      title,
      lines: [means, ...(remedy === '' ? [] : [`To mend it: ${remedy}`])],
    }))
  const near = rows.flatMap(({ words: [reason = ''] }) =>
    word.split('_').some((part) => part.length > 3 && reason.includes(part)) ? [reason] : [],
  )
  const others = near.length === 0 ? '' : ` There are ${[...new Set(near)].join(', ')}.`
  throw new CommandFault(
    EXIT.notFound,
    `${word} is no reason, code or status that Regent answers with.${others}`,
  )
}

/** Rows of its table: reason, code where there is one, status, meaning, remedy. */
function readRows(name: string, of: string): readonly Row[] {
  const lines = readFileSync(documentPath(name), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const [reason, code] = cells.map((cell) => /^`(\w+)`$/.exec(cell)?.[1])
    if (reason === undefined) return []
    const [status = '', means = '', remedy = ''] = cells.slice(code === undefined ? 1 : 2)
    const title = `${reason} (${code === undefined ? '' : `${code}, `}${status}), of ${of}`
    return [{ words: [reason, status, ...(code === undefined ? [] : [code])], title, means, remedy }]
  })
}

/** Beside the sources, or beside what is built of them. */
function documentPath(name: string): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    dirname(folder) !== folder;
    folder = dirname(folder)
  ) {
    const path = join(folder, 'docs', name)
    if (existsSync(path)) return path
  }
  throw new CommandFault(EXIT.refused, `docs/${name} is missing from this installation.`)
}
