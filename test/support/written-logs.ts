/**
 * Keeps what the suites' servers and commands log, for the search at the end of the run: of each world the real log at
 * level debug; of each command standard error, and standard output unless it is a command whose purpose is to show a
 * secret. The standard output of `serve` is a log.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openLog, type Log } from '../../src/observe/log.ts'
import { runFolder } from './noted-secrets.ts'

/** JSON lines. */
export const LOG = '.log'
/** Sentences for people. */
export const SAID = '.said'
/** By their first word, or by two. */
const SHOW_SECRETS: ReadonlySet<string | undefined> = new Set([
  'quickstart',
  'demo',
  'bootstrap',
  'token',
  'tenant create',
  'tenant add-administrator',
  'secret create',
  'secret rotate',
])

let count = 0

export function logsFolder(): string {
  const folder = join(runFolder(), 'logs')
  mkdirSync(folder, { recursive: true })
  return folder
}

export function openWorldLog(): Log {
  return openLog({ level: 'debug', destination: newFile('world', LOG) })
}

/** @returns what is to be told of all that the command says */
export function commandLogs([command, verb]: readonly string[]): {
  out(text: string): void
  err(text: string): void
} {
  const name = `command-${command}`
  const out = newFile(name, command === 'serve' ? LOG : SAID)
  const err = newFile(`${name}-errors`, SAID)
  const showsSecret = SHOW_SECRETS.has(command) || SHOW_SECRETS.has(`${command} ${verb}`)
  return {
    out(text) {
      if (!showsSecret) appendFileSync(out, text)
    },
    err: (text) => appendFileSync(err, text),
  }
}

function newFile(name: string, ending: string): string {
  count += 1
  return join(logsFolder(), `${name}-${process.pid}-${Date.now()}-${count}${ending}`)
}
