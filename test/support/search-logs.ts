/**
 * Searches what was logged during a run for every secret that was noted, in the spellings in which it could have got
 * there; for what has the form of a secret, noted or not; and for lines that are no JSON, as a forged one would be.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SHORTEST, type NotedSecret } from './noted-secrets.ts'
import { LOG } from './written-logs.ts'

export type Search = {
  readonly files: number
  readonly characters: number
  /** Each with its file, its line and the kind of the secret; never with the secret. */
  readonly findings: readonly string[]
}

/** The JWS of a token or an assertion, a generated client secret, a private key as PEM or JWK. */
const FORMS: readonly (readonly [string, RegExp])[] = [
  ['a JWT', /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/g],
  ['a generated client secret', /\brgs_[\w-]{16}_[\w-]{20,}/g],
  ['a private key', /PRIVATE KEY-----|"d\\?":\\?"[\w-]{20,}/g],
  ['a bcrypt hash', /\$2[aby]\$\d\d\$[./A-Za-z0-9]{20,}/g],
  ['Basic credentials', /\bBasic [A-Za-z0-9+/]{16,}/g],
]

export function searchLogs(folder: string, secrets: readonly NotedSecret[]): Search {
  const byStart = spellings(secrets)
  const names = existsSync(folder) ? readdirSync(folder) : []
  let characters = 0
  const findings = names.flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8')
    characters += text.length
    const found = [
      ...findSecrets(text, byStart),
      ...findForms(text),
      ...(name.endsWith(LOG) ? findForgedLines(text) : []),
    ]
    return found.map(([at, kind]) => `${name}, line ${text.slice(0, at).split('\n').length}: ${kind}`)
  })
  return { files: names.length, characters, findings: [...new Set(findings)] }
}

type Spelling = NotedSecret
type Finding = readonly [at: number, kind: string]

function spellings(secrets: readonly NotedSecret[]): ReadonlyMap<string, readonly Spelling[]> {
  const byStart = new Map<string, Spelling[]>()
  for (const { kind, text } of secrets) {
    const bytes = Buffer.from(text)
    const all = [
      text,
      JSON.stringify(text).slice(1, -1),
      encodeURIComponent(text),
      // The last characters depend on what follows.
      bytes.toString('base64').replace(/.?=*$/, ''),
      bytes.toString('base64url').replace(/.$/, ''),
      bytes.toString('hex'),
    ]
    for (const spelling of new Set(all)) {
      const start = spelling.slice(0, SHORTEST)
      byStart.set(start, [...(byStart.get(start) ?? []), { kind, text: spelling }])
    }
  }
  return byStart
}

function findSecrets(text: string, byStart: ReturnType<typeof spellings>): readonly Finding[] {
  const findings: Finding[] = []
  for (let at = 0; at + SHORTEST <= text.length; at += 1) {
    for (const spelling of byStart.get(text.slice(at, at + SHORTEST)) ?? [])
      if (text.startsWith(spelling.text, at)) findings.push([at, spelling.kind])
  }
  return findings
}

function findForms(text: string): readonly Finding[] {
  return FORMS.flatMap(([kind, form]) => [...text.matchAll(form)].map(({ index }) => [index, kind] as const))
}

/** The last line may have been cut by whoever killed the process. */
function findForgedLines(text: string): readonly Finding[] {
  const findings: Finding[] = []
  let at = 0
  for (const line of text.split('\n').slice(0, -1)) {
    if (!isObservation(line)) findings.push([at, 'a line that is no observation'])
    at += line.length + 1
  }
  return findings
}

function isObservation(line: string): boolean {
  try {
    const { time, event } = JSON.parse(line) as { time?: unknown; event?: unknown }
    return typeof time === 'string' && typeof event === 'string' && !/\r/.test(line)
  } catch {
    return false
  }
}
