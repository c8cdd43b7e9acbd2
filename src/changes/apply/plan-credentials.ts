/**
 * The part of a plan that is about the secrets of one client. A reference changes one that is there; a hash makes one, once:
 * what was revoked, or was hashed anew since, is not made again. Pure.
 */
import { createHash } from 'node:crypto'
import { MAX_LIVE_CREDENTIALS } from '../../clients/client.ts'
import type { StoredCredential } from '../../clients/credential-batch-store.ts'
import type { ClientId, CredentialId } from '../../ids.ts'
import type { WorkspaceSlug } from '../../tenancy/slug.ts'
import { difference, type Planned } from './step.ts'
import { credentialValues, moment } from './values.ts'
import type { WantedClient, WantedCredential } from './wanted.ts'

/** What an imported hash is called that nobody gave a name: the same for the same hash of the same client. */
export function derivedId(slug: WorkspaceSlug, clientId: ClientId, hash: string): CredentialId {
  const digest = createHash('sha256')
    .update(JSON.stringify(['imported', slug, clientId, hash]))
    .digest()
  return digest.toString('base64url').slice(0, 16) as CredentialId
}

export function* planCredentials(
  workspace: WorkspaceSlug,
  { id: client, credentials }: WantedClient,
  present: readonly StoredCredential[],
  path: readonly (string | number)[],
  prune: boolean,
): Generator<Planned> {
  if (credentials === undefined) return
  const here = { kind: 'credential', workspace, client } as const
  const matches = credentials.map((wanted) => match(workspace, client, wanted, present))
  const live = present.filter(({ state }) => state === 'live')
  const others = live.filter((one) => !matches.includes(one))
  const taken = new Set(live.filter((one) => !prune || matches.includes(one)).map(({ slot }) => slot))

  for (const [index, wanted] of credentials.entries()) {
    const found = matches[index]
    const { hash } = wanted
    if (found !== undefined) yield planFound(here, wanted, found)
    else if (hash === undefined) {
      const note = 'no such secret is here: make another one'
      yield { ...here, name: wanted.id ?? '', of: { do: 'missing' }, note }
    } else if (!prune && wanted.origin === 'chosen' && live.some(({ origin }) => origin === 'chosen')) {
      const detail = 'this client has a secret already that Regent did not generate: it can have one'
      yield { fault: { path: [...path, 'credentials', index], reason: 'too_many_credentials', detail } }
    } else {
      const slot = Array.from({ length: MAX_LIVE_CREDENTIALS }, (_, at) => at + 1).find(
        (at) => !taken.has(at),
      )
      if (slot === undefined) {
        const detail = `a client has at most ${MAX_LIVE_CREDENTIALS} credentials: revoke one first`
        yield { fault: { path: [...path, 'credentials', index], reason: 'too_many_credentials', detail } }
      } else {
        taken.add(slot)
        const id = wanted.id ?? derivedId(workspace, client, hash)
        yield { ...here, name: id, of: { do: 'create', id, slot, hash, wanted }, after: shown(wanted) }
      }
    }
  }
  for (const one of others)
    yield { ...here, name: one.id, of: { do: prune ? 'delete' : 'keep', present: one } }
}

function match(
  workspace: WorkspaceSlug,
  client: ClientId,
  { id, hash, origin }: WantedCredential,
  present: readonly StoredCredential[],
): StoredCredential | undefined {
  const name = id ?? derivedId(workspace, client, hash ?? '')
  const same = present.find((one) => one.id === name)
  if (same !== undefined || id !== undefined || origin !== 'chosen') return same
  // It came here before, from elsewhere, and may have been hashed anew since.
  return present.find((one) => one.origin === 'chosen' && one.state === 'live')
}

function planFound(
  here: { readonly kind: 'credential'; readonly workspace: WorkspaceSlug; readonly client: ClientId },
  wanted: WantedCredential,
  found: StoredCredential,
): Planned {
  if (found.state === 'revoked')
    return { ...here, name: found.id, of: { do: 'missing' }, note: 'it was revoked, and stays so' }
  const label = wanted.label ?? found.label
  const expiresAt = wanted.expiresAt === undefined ? found.expiresAt : (wanted.expiresAt ?? undefined)
  const differs = difference(
    { label: found.label, expiresAt: moment(found.expiresAt) },
    { label, expiresAt: moment(expiresAt) },
  )
  return (
    differs && { ...here, name: found.id, of: { do: 'update', present: found, label, expiresAt }, ...differs }
  )
}

function shown({ label = '', origin, notBefore, expiresAt }: WantedCredential) {
  return credentialValues({ label, origin, notBefore, expiresAt: expiresAt ?? undefined })
}
