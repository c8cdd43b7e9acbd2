/**
 * Ids of secrets and keys may begin with a dash, and are typed like any other: one in 64 would be taken for an option. What is one of
 * the command's own options stays one.
 */
import type { Command } from 'commander'

/** Of a secret (16 characters) or a key (43); a mistyped option of as many letters is none. */
const DASHED_ID = /^(?!--[a-z-]+$)-(?:[A-Za-z0-9_-]{15}|[A-Za-z0-9_-]{42})$/

/** For commands whose last argument is such an id. */
export function takeDashedIds(command: Command): void {
  const parse = command.parseOptions.bind(command)
  command.parseOptions = (words) => {
    const ids: string[] = []
    const others: string[] = []
    let isValue = false
    for (const [at, word] of words.entries()) {
      const option = command.options.find(({ long, short }) => word === long || word === short)
      const isShort = command.options.some(({ short }) => short !== undefined && word.startsWith(short))
      const isId = !isValue && option === undefined && !isShort && DASHED_ID.test(word)
      if (word === '--') {
        others.push(...words.slice(at))
        break
      }
      ;(isId ? ids : others).push(word)
      isValue = !isValue && option?.required === true
    }
    const { operands, unknown } = parse(others)
    return { operands: [...operands, ...ids], unknown }
  }
}
