/** Routes of signing keys: which there are, what depends on each, and how they take turns. */
import { z } from 'zod'
import { revokeKey, rotateKeys } from '../../changes/key-changes.ts'
import type { Kid } from '../../ids.ts'
import { keyStore } from '../../keys/key-store.ts'
import { isPublic, mayGoAt } from '../../keys/life-cycle.ts'
import { KEY_STATES, type SigningKey } from '../../keys/signing-key.ts'
import { ALGORITHMS } from '../../oauth/signing.ts'
import { tenantUseStore } from '../../records/use-store.ts'
import type { TenantConnection } from '../../storage/transaction.ts'
import type { Workspace } from '../../tenancy/tenant.ts'
import { notFound } from '../problem.ts'
import { route, type Connection } from '../route.ts'
import { DRY_RUN, isoOfSeconds } from '../shapes.ts'

const KEY = z.object({
  kid: z.string(),
  algorithm: z.enum(ALGORITHMS),
  state: z.enum(KEY_STATES),
  may_sign_at: z.string(),
  activated_at: z.string().optional(),
  retired_at: z.string().optional(),
  may_go_at: z.string().optional().meta({ description: 'from when on nothing depends on it' }),
  needed_for: z.string().meta({ description: 'what depends on it, in words' }),
})
const KEYS = z.object({ keys: z.array(KEY) })

const NEEDED: Readonly<Record<SigningKey['state'], string>> = {
  published: 'verifiers have it when it begins to sign',
  active: 'every token that is issued now',
  retired: 'tokens that it signed, until the last of them has ended everywhere',
  gone: 'nothing any more',
  revoked: 'nothing: what it signed is worthless',
}

async function showKeys(connection: Connection, { id }: Workspace): Promise<z.input<typeof KEYS>> {
  const keys = await keyStore(connection as TenantConnection, id).listKeys()
  return {
    keys: keys.map((key) => ({
      kid: key.kid,
      algorithm: key.algorithm,
      state: key.state,
      may_sign_at: isoOfSeconds(key.maySignAt) ?? '',
      ...(key.activatedAt !== undefined && { activated_at: isoOfSeconds(key.activatedAt) }),
      ...(key.retiredAt !== undefined && { retired_at: isoOfSeconds(key.retiredAt) }),
      ...(key.state === 'retired' && { may_go_at: isoOfSeconds(mayGoAt(key)) }),
      needed_for: NEEDED[key.state],
    })),
  }
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
      return { body: await read((connection) => showKeys(connection, found)) }
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
        state: (connection) => showKeys(connection, found),
        show: async (connection) => ({ status: 200, body: await showKeys(connection, found) }),
      })
    },
  }),
  route({
    name: 'key.revoke',
    api: 'tenant',
    method: 'DELETE',
    path: '/workspaces/{workspace}/keys/{kid}',
    summary:
      'The emergency: it leaves the JWKS now, whatever depends on it; dry_run=true says how many tokens that kills',
    query: z.strictObject(DRY_RUN),
    answers: { 200: KEYS },
    async run({ workspace, change, params, read }) {
      const found = await workspace()
      const kid = params.kid as Kid
      const key = (await read((connection) => keyStore(connection, found.id).listKeys())).find(
        (one) => one.kid === kid,
      )
      if (key === undefined || !isPublic(key)) throw notFound()
      const alive =
        key.state === 'published'
          ? 0
          : await read((connection) =>
              tenantUseStore(connection, found.id).countIssuedSince(key.maxTokenLifetime, key.retiredAt),
            )
      return change({
        make: (needs) => revokeKey(needs, found, kid, alive),
        state: (connection) => showKeys(connection, found),
        show: async (connection) => ({ status: 200, body: await showKeys(connection, found) }),
      })
    },
  }),
]
