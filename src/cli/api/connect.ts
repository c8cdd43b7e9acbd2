/** Which server a command speaks to, and as whom: `--profile`, else REGENT_URL with its credentials, else REGENT_PROFILE or `default`. */
import { readConnectionConfig } from '../../config.ts'
import { report } from '../print.ts'
import { apiClient, type ApiClient } from './api-client.ts'
import type { ConnectionOptions } from './connection-options.ts'
import { openHttp } from './http.ts'
import { readPlace } from './place.ts'
import { DEFAULT_PROFILE, readProfile } from './profile.ts'

export type Connected = {
  readonly api: ApiClient
  /** The one that is meant where none is named. */
  readonly workspace: string | undefined
}

export type Identity = {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  /** What said so, for faults. */
  readonly from: string
  readonly authoritiesFile: string | undefined
  readonly workspace: string | undefined
}

/** @throws CommandFault where nobody is logged in */
export function findIdentity(options: ConnectionOptions): Identity {
  const { credentials, profile: usual, authoritiesFile, folder } = readConnectionConfig()
  const authorities = options.caFile ?? authoritiesFile
  if (options.profile === undefined && credentials !== undefined)
    return { ...credentials, from: 'REGENT_URL', authoritiesFile: authorities, workspace: undefined }
  const name = options.profile ?? usual ?? DEFAULT_PROFILE
  const profile = readProfile(folder, name)
  return {
    url: profile.url,
    clientId: profile.client_id,
    clientSecret: profile.client_secret,
    from: `The url of profile ${name}`,
    authoritiesFile: authorities ?? profile.ca_file,
    workspace: profile.workspace,
  }
}

/** Opens the connection for the work, and closes it whatever comes of it. */
export async function withApi<T>(
  options: ConnectionOptions,
  work: (connected: Connected) => Promise<T>,
): Promise<T> {
  const { url, from, authoritiesFile, workspace, ...client } = findIdentity(options)
  const place = readPlace(url, from)
  const api = apiClient({ http: await openHttp(authoritiesFile), place, client, report })
  try {
    return await work({ api, workspace })
  } finally {
    await api.close()
  }
}
