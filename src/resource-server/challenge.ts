/** The answers to refused requests, RFC 6750 §3: one header for the client's library, one body for its author. */
import type { Response } from 'express'
import type { Refusal } from './refusal.ts'

/** Sends a refusal. Header and body say the same; both say nothing where no token came (§3.1). */
export function sendRefusal(response: Response, refusal: Refusal, realm: string): void {
  const error = refusal.code === undefined ? {} : { error: refusal.code, error_description: refusal.message }
  response.status(refusal.status).set('Cache-Control', 'no-store')
  if (refusal.retryAfter !== undefined) {
    response.set('Retry-After', String(refusal.retryAfter))
  }
  if (refusal.status !== 503) {
    response.set('WWW-Authenticate', printChallenge({ realm, ...error, scope: refusal.scope }))
  }
  response.json(error)
}

/** §3: auth-params as quoted strings. No value needs escaping: the options are checked, the rest is literal. */
function printChallenge(parameters: Readonly<Record<string, string | undefined>>): string {
  const printed = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${value}"`)
  return `Bearer ${printed.join(', ')}`
}
