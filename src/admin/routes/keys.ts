/** Routes of signing keys: which there are, what depends on each, and how they take turns. */
import { z } from 'zod'
import { revokeKey, rotateKeys } from '../../changes/key-changes.ts'
import type { Kid } from '../../ids.ts'
import { keyStore } from '../../keys/key-store.ts'
import { isPublic, mayGoAt } from '../../keys/life-cycle.ts'
import { KEY_STATES, type SigningKey } from '../../keys/signing-key.ts'
import { ALGORITHMS } from '../../oauth/signing.ts'
import { nodeStore } from '../../records/node-store.ts'
import { tenantUseStore } from '../../records/use-store.ts'
import { databaseTime } from '../../storage/database-time.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { notFound } from '../problem.ts'
import { route, type Connection, type Shown } from '../route.ts'
import { DRY_RUN, isoOfSeconds } from '../shapes.ts'

const KEY = z.object({
  kid: z.string(),
  algorithm: z.enum(ALGORITHMS),
  state: z.enum(KEY_STATES),
  may_sign_at: z.string(),
  activated_at: z.string().optional(),
  retired_at: z.string().optional(),
  may_go_at: z.string().optional().meta({
    description:
      'from when on nothing depends on it, and it leaves the JWKS; of the active one: if the next key takes over as soon as it may',
  }),
  needed_for: z.string().meta({ description: 'what depends on it, in words' }),
  unexpired_tokens: z.int().meta({
    description:
      'tokens that it signed and that have not ended: so many, or fewer, of those that nodes have written down',
  }),
})
const KEYS = z.object({ keys: z.array(KEY) })

const NEEDED: Readonly<Record<SigningKey['state'], string>> = {
  published: 'verifiers have it when it begins to sign',
  active: 'every token that is issued now',
  retired: 'tokens that it signed, until the last of them has ended everywhere',
  gone: 'nothing any more',
  revoked: 'nothing: what it signed is worthless',
}

async function showKeys(
  connection: Connection,
  { id }: Workspace,
): Promise<Shown & { body: z.input<typeof KEYS> }> {
  const keys = await keyStore(connection as TenantConnection, id).listKeys()
  const now = await databaseTime(connection as TenantConnection)
  const shown: z.input<typeof KEY>[] = []
  for (const key of keys) {
    const goesAt =
      key.state === 'active' ? mayGoAt({ ...key, retiredAt: nextTurn(keys, key, now) }) : mayGoAt(key)
    shown.push({
      kid: key.kid,
      algorithm: key.algorithm,
      state: key.state,
      may_sign_at: isoOfSeconds(key.maySignAt) ?? '',
      ...(key.activatedAt !== undefined && { activated_at: isoOfSeconds(key.activatedAt) }),
      ...(key.retiredAt !== undefined && { retired_at: isoOfSeconds(key.retiredAt) }),
      ...(['active', 'retired'].includes(key.state) && { may_go_at: isoOfSeconds(goesAt) }),
      needed_for: NEEDED[key.state],
      unexpired_tokens: await countUnexpired(connection, id, key),
    })
  }
  // Tokens come and end all the time: what is compared is which keys there are, and what they are for.
  return { status: 200, body: { keys: shown }, tag: keys.map(({ kid, state }) => [kid, state]) }
}

/** Seconds since 1970: when another key could take the place of this one. */
function nextTurn(keys: readonly SigningKey[], { algorithm }: SigningKey, now: number): number {
  const next = keys.find((key) => key.algorithm === algorithm && key.state === 'published')
  return Math.max(now, next?.maySignAt ?? now)
}

/** Of a revoked key nothing is valid, and one that is published or gone has signed nothing that is. */
async function countUnexpired(connection: Connection, id: Workspace['id'], key: SigningKey): Promise<number> {
  if (key.activatedAt === undefined || !['active', 'retired'].includes(key.state)) return 0
  const store = tenantUseStore(connection as TenantConnection, id)
  return store.countUnexpired(key.maxTokenLifetime, key.activatedAt, key.retiredAt)
}

export const KEY_ROUTES = [
  route({
    name: 'key.list',
    api: 'tenant',
    method: 'GET',
    path: '/workspaces/{workspace}/keys',
    summary: 'Signing keys of a workspace, and what depends on each',
    answers: { 200: KEYS },
    async run({ workspace, read }) {
      const found = await workspace()
      return read((connection) => showKeys(connection, found))
    },
  }),
  route({
    name: 'key.rotate',
    api: 'tenant',
    method: 'POST',
    path: '/workspaces/{workspace}/keys/rotate',
    summary: 'The published key takes over; now=true: also before every verifier can have it',
    query: z.strictObject(DRY_RUN),
    body: z.strictObject({ now: z.boolean() }).partial(),
    answers: { 200: KEYS },
    async run({ workspace, change, body }) {
      const found = await workspace()
      return change({
        make: (needs) => rotateKeys(needs, found, body.now === true),
        state: async (connection) => (await showKeys(connection, found)).tag ?? {},
        show: (connection) => showKeys(connection, found),
      })
    },
  }),
  route({
    name: 'key.revoke',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/keys/{kid}',
    summary:
      'The emergency: it leaves the JWKS now, whatever depends on it; dry_run=true says how many tokens that kills, and which nodes may go on with it',
    query: z.strictObject(DRY_RUN),
    answers: { 200: KEYS },
    async run({ workspace, change, params, read, readAsOperator, region }) {
      const found = await workspace()
      const kid = params.kid as Kid
      const { key, unexpiredTokens } = await read(async (connection) => {
        const all = await keyStore(connection, found.id).listKeys()
        const one = all.find((candidate) => candidate.kid === kid)
        return { key: one, unexpiredTokens: one && (await countUnexpired(connection, found.id, one)) }
      })
      if (key === undefined || unexpiredTokens === undefined || !isPublic(key)) throw notFound()
      const unconfirmedNodes = await readAsOperator((connection) =>
        nodeStore(connection, region).listUnconfirmedNodes(),
      )
      return change({
        make: (needs) => revokeKey(needs, found, kid, { unexpiredTokens, unconfirmedNodes }),
        state: async (connection) => (await showKeys(connection, found)).tag ?? {},
        show: (connection) => showKeys(connection, found),
      })
    },
  }),
]
