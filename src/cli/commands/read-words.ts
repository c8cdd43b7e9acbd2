/** Reads what was typed into the values that an API takes. */
import { readFile } from 'node:fs/promises'
import { text as textOf } from 'node:stream/consumers'
import { CommandFault, EXIT } from '../exit-code.ts'
import type { Field } from './api-command.ts'

type Typed = string | readonly string[]

const NONE = 'none'
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/**
 * @param findServer the id of a resource server, by its identifier
 * @throws CommandFault that names what was typed wrong
 */
export async function readWords(
  field: Field,
  typed: Typed,
  findServer: (identifier: string) => Promise<string>,
): Promise<unknown> {
  const kind = field.kind ?? 'text'
  const words = [typed].flat()
  const word = words.at(-1) ?? ''
  if (field.nullable && word === NONE) return kind === 'words' ? [] : null
  switch (kind) {
    case 'text':
      return word
    case 'number':
      if (!/^[0-9]{1,15}$/.test(word)) throw wrong(field, word, 'takes a whole number', 'as in 600')
      return Number(word)
    case 'switch':
      if (word !== 'on' && word !== 'off') throw wrong(field, word, 'takes on or off')
      return word === 'on'
    case 'words':
      return words.flatMap((one) => one.split(/[\s,]+/).filter(Boolean))
    case 'descriptions':
      return Object.fromEntries(words.map((one) => readDescription(field, one)))
    case 'moment':
      return readMoment(field, word)
    case 'server':
      return findServer(word)
    case 'file':
      return readText(field, word)
    case 'jwk':
      return { jwk: await readJson(field, word) }
    case 'checkpoint': {
      // A verdict that holds one, or a line of the log, will do.
      const read = await readJson(field, word)
      const checkpoint: unknown = Object(read).checkpoint ?? read
      if (typeof Object(checkpoint).signature === 'string') return JSON.stringify(checkpoint)
      throw new CommandFault(EXIT.refused, `--checkpoint ${word}: it holds no checkpoint.`)
    }
    default:
      if (!kind.includes(word)) throw wrong(field, word, `takes one of ${kind.join(', ')}`)
      return word
  }
}

export const optionOf = ({ name, option }: Field): string => (option ?? name).replaceAll('_', '-')

function readDescription(field: Field, word: string): readonly [string, string] {
  const equals = word.indexOf('=')
  if (equals < 1)
    throw wrong(field, word, 'takes a scope and what it allows', "as in 'orders:read=read orders'")
  return [word.slice(0, equals), word.slice(equals + 1)]
}

function readMoment(field: Field, word: string): string {
  const [, count, unit = '', ago] = /^([0-9]{1,6})([smhdw])( ago)?$/.exec(word) ?? []
  const seconds = Number(count) * (SECONDS[unit] ?? 0) * (ago === undefined ? 1 : -1)
  if (count !== undefined) return new Date(Date.now() + seconds * 1000).toISOString()
  // A date alone is its beginning, in UTC.
  const moment = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(word)
    ? new Date(word)
    : undefined
  if (moment === undefined || Number.isNaN(moment.getTime()))
    throw wrong(
      field,
      word,
      'takes a moment or a time from now',
      "as in 2027-01-31T12:00:00Z, 2027-01-31, 90d or '90d ago'",
    )
  return moment.toISOString()
}

/** Without the line end that editors put there. */
async function readText(field: Field, file: string): Promise<string> {
  try {
    const read = file === '-' ? await textOf(process.stdin) : await readFile(file, 'utf8')
    return read.replace(/\r?\n$/, '')
  } catch (cause) {
    throw new CommandFault(EXIT.refused, `--${optionOf(field)} ${file}: it cannot be read.`, { cause })
  }
}

async function readJson(field: Field, file: string): Promise<unknown> {
  const read = await readText(field, file)
  try {
    return JSON.parse(read)
  } catch (cause) {
    throw new CommandFault(EXIT.refused, `--${optionOf(field)} ${file}: it is no JSON.`, { cause })
  }
}

/** What was typed is said again, but where it may be a secret. */
function wrong(field: Field, word: string, takes: string, example?: string): CommandFault {
  const sentence = `--${optionOf(field)} ${takes}${example === undefined ? '' : `, ${example}`}`
  return new CommandFault(EXIT.usage, `${sentence}; this was ${JSON.stringify(word)}.`)
}
