/**
 * What the command line is told of the server that it speaks to, where no profile says so: REGENT_URL with its credentials,
 * which profile is meant otherwise, and where profiles are kept (XDG_CONFIG_HOME, as the XDG base directories have it).
 */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { variableReader, type Variables } from './variables.ts'

export type ConnectionConfig = {
  /** Of REGENT_URL, REGENT_CLIENT_ID and REGENT_CLIENT_SECRET: all or none. */
  readonly credentials:
    { readonly url: string; readonly clientId: string; readonly clientSecret: string } | undefined
  readonly profile: string | undefined
  /** In PEM: who may vouch for the server, beside those that Node brings. */
  readonly authoritiesFile: string | undefined
  /** Where profiles are kept. */
  readonly folder: string
}

const TOGETHER = ['REGENT_URL', 'REGENT_CLIENT_ID', 'REGENT_CLIENT_SECRET'] as const

export function readConnection(given: Variables, faults: string[]): ConnectionConfig {
  const variables = variableReader(given, faults)
  const [url, clientId, clientSecret] = TOGETHER.map((name) => variables(name))
  const base = given('XDG_CONFIG_HOME') || undefined
  const connection = {
    profile: given('REGENT_PROFILE') || undefined,
    authoritiesFile: given('REGENT_CA_FILE') || undefined,
    // A relative path is invalid there, and to be ignored.
    folder: join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.config'), 'regent'),
  }
  if (url !== undefined && clientId !== undefined && clientSecret !== undefined)
    return { ...connection, credentials: { url, clientId, clientSecret } }
  const missing = TOGETHER.filter((name) => variables(name) === undefined)
  if (missing.length < TOGETHER.length && faults.length === 0)
    faults.push(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set: set REGENT_URL, REGENT_CLIENT_ID and REGENT_CLIENT_SECRET (or REGENT_CLIENT_SECRET_FILE) together, or none of them where a profile is meant`,
    )
  return { ...connection, credentials: undefined }
}
