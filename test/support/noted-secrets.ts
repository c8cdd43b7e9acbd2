/**
 * What must not be seen in any log: each secret that a suite makes or uses is noted here, as it is, in a file that only we
 * can read and that is gone when the run ends. The run's folder is made by the global setup.
 */
import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type NotedSecret = { readonly kind: string; readonly text: string }

/** What is shorter stands in a log by chance. */
export const SHORTEST = 12
const FILE = 'noted-secrets'
const noted = new Set<string>()

/** Readable to its owner only. */
export function makeRunFolder(): string {
  return mkdtempSync(join(tmpdir(), 'regent-test-run-'))
}

export function runFolder(): string {
  const folder = process.env.REGENT_TEST_RUN
  if (folder === undefined) throw new Error('REGENT_TEST_RUN is not set: the global setup has not run')
  return folder
}

/** @param kind names it when it was found: the text itself is not printed again */
export function noteSecret(kind: string, text: string): void {
  if (text.length < SHORTEST || noted.has(text)) return
  noted.add(text)
  appendFileSync(join(runFolder(), FILE), `${JSON.stringify({ kind, text })}\n`, { mode: 0o600 })
}

/** The signature is what makes a token of it; the claims are no secret, and a log may name the issuer. */
export function noteTokens(body: string): void {
  for (const [, signature = ''] of body.matchAll(/"access_token":"[\w-]+\.[\w-]+\.([\w-]+)"/g))
    noteSecret('signature of a token', signature)
}

/** What a process is given by its environment: master keys, and the passwords of databases. */
export function noteEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  for (const value of Object.values(environment)) {
    for (const [key] of (value ?? '').matchAll(/(?<=[\w.-]:)[A-Za-z0-9+/]{43}=/g))
      noteSecret('master key', key)
    const url = URL.canParse(value ?? '') ? new URL(value ?? '') : undefined
    if (url?.password) noteSecret('password of a database', decodeURIComponent(url.password))
  }
}

export function readNotedSecrets(folder: string): readonly NotedSecret[] {
  return readFileSync(join(folder, FILE), { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as NotedSecret)
}
