/** A client secret as it is given to a command: from a file, from standard input, or typed unseen. Never as an argument, where `ps` shows it. */
import { readFile } from 'node:fs/promises'
import { text as textOf } from 'node:stream/consumers'
import { CommandFault, EXIT } from './exit-code.ts'

/** @param file `-` is standard input. @throws CommandFault for an empty one */
export async function readSecret(file: string | undefined, whose: string): Promise<string> {
  const given = await readGiven(file, whose)
  const secret = given.replace(/[\r\n]+$/, '')
  // VSCHAR (RFC 6749 §A.2): what else there is was not meant to be one.
  if (/^[\x20-\x7e]+$/.test(secret)) return secret
  throw new CommandFault(
    EXIT.refused,
    secret === ''
      ? 'No secret was given.'
      : 'What was given is no client secret: it is one line of printable ASCII.',
  )
}

async function readGiven(file: string | undefined, whose: string): Promise<string> {
  if (file === undefined && process.stdin.isTTY) {
    const { read } = await import('read')
    return read({
      prompt: `Secret of ${whose} (not shown):`,
      silent: true,
      output: process.stderr,
      terminal: true,
    }).catch(() => '')
  }
  if (file === undefined || file === '-') return textOf(process.stdin)
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CommandFault(EXIT.refused, `--client-secret-file ${file}: it cannot be read.`, { cause })
  })
}
