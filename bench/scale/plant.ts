/**
 * Writes the rows of a whole population: what `changes/` would have left behind, without its audit events and entries of the
 * feed, in batches instead of a transaction for each. The one writer of settings outside `changes/`, for measuring only;
 * `test/bench/scale.test.ts` holds its rows beside theirs.
 *
 * One bcrypt hash serves all, since a digest decides; each digest is a true one. Signing keys are true too: each workspace
 * has its own two, sealed for it.
 */
import { hash as bcryptHash } from 'bcrypt'
import { Client } from 'pg'
import { digestSecret } from '../../src/clients/digest.ts'
import { generateSigningKey } from '../../src/keys/generate.ts'
import { keyring } from '../../src/keys/keyring.ts'
import { deriveKeys } from '../../src/sealing/derive.ts'
import { parseMasterKeys } from '../../src/sealing/master-keys.ts'
import { sealing } from '../../src/sealing/seal.ts'
import { RESOURCE, SCOPE } from '../token-request.ts'
import type { Population } from './population.ts'

export const MASTER_KEYS = `bench:${Buffer.alloc(32, 7).toString('base64')}`

/** As `createWorkspace` chooses them. */
const SETTINGS = {
  access_token_lifetime: 600,
  jwks_max_age: 900,
  signing_lead: 86_400,
  signing_algorithm: 'ES256',
  chosen_secrets: false,
  chosen_digests: true,
  audience_parameter: false,
}
const MAX_STALE = 3600
const BATCH = 5000
/** Workspaces whose keys are made at a time. */
const KEYS_BATCH = 200

type Row = Readonly<Record<string, unknown>>

/** @param url of a superuser: references are not checked row by row */
export async function plant(
  url: string,
  who: Population,
  onProgress: (line: string) => void = () => {},
): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`set session_replication_role = replica`)
    await client.query(`set synchronous_commit = off`)
    await inBatches(who.tenants, BATCH, async (numbers) => {
      const rows = numbers
        .map((number) => who.tenant(number))
        .map(({ id, slug, region }) => ({ tenant_id: id, slug, region }))
      await insert(client, 'tenant', rows)
    })
    await plantWorkspaces(client, who, onProgress)
    await plantClients(client, who, onProgress)
    await client.query(`set session_replication_role = origin`)
    await client.query('vacuum (freeze, analyze)')
    await client.query('checkpoint')
  } finally {
    await client.end()
  }
}

async function plantWorkspaces(client: Client, who: Population, onProgress: (line: string) => void) {
  const keys = keyring(sealing(masterKeys()))
  const now = Math.floor(Date.now() / 1000)
  await inBatches(who.workspaces, KEYS_BATCH, async (numbers) => {
    const all = numbers.map((number) => who.workspace(number))
    const owned = all.map(({ tenant, id }) => ({ tenant_id: tenant.id, workspace_id: id }))
    const rows = await Promise.all(
      all.flatMap(({ tenant, id }) =>
        [true, false].map(async (active) => {
          const { publicJwk, privateKey } = await generateSigningKey('ES256')
          const owner = { region: tenant.region, tenantId: tenant.id, workspaceId: id }
          const { bytes, masterKeyId } = keys.seal(privateKey, owner, publicJwk.kid, keys.masterKeyIds[0])
          return {
            tenant_id: tenant.id,
            workspace_id: id,
            kid: publicJwk.kid,
            algorithm: 'ES256',
            state: active ? 'active' : 'published',
            public_jwk: publicJwk,
            sealed_private_key: hex(bytes),
            master_key_id: masterKeyId,
            may_sign_at: date(active ? now : now + SETTINGS.signing_lead + MAX_STALE),
            max_token_lifetime: SETTINGS.access_token_lifetime,
            max_jwks_age: SETTINGS.jwks_max_age,
            max_stale: MAX_STALE,
            published_at: date(now),
            activated_at: active ? date(now) : null,
          }
        }),
      ),
    )
    const workspaces = all.map(({ slug, issuer }, index) => ({ ...owned[index], slug, issuer, ...SETTINGS }))
    const servers = all.map(({ resourceServerId }, index) => ({
      ...owned[index],
      resource_server_id: resourceServerId,
      identifier: RESOURCE,
      name: 'API',
    }))
    await insert(client, 'workspace', workspaces)
    await insert(client, 'signing_key', rows)
    await insert(client, 'resource_server', servers)
    await insert(
      client,
      'scope',
      all.map(({ resourceServerId }, index) => ({
        ...owned[index],
        scope_token: SCOPE,
        resource_server_id: resourceServerId,
        description: 'read',
      })),
    )
    const done = (numbers.at(-1) ?? 0) + 1
    if (done % 3000 === 0) onProgress(`workspaces: ${done} of ${who.workspaces}`)
  })
}

async function plantClients(client: Client, who: Population, onProgress: (line: string) => void) {
  const [digestKey] = deriveKeys(masterKeys(), 'credential digest')
  const sharedHash = await bcryptHash('whatever: a digest decides', 10)
  let underWay: Promise<void> = Promise.resolve()
  await inBatches(who.clients, BATCH, async (numbers) => {
    const rows = numbers.map((number) => {
      const { tenant, id: workspaceId } = who.workspace(who.workspaceOf(number))
      const { id: clientId, credentialId, secret } = who.client(number)
      const owner = { region: tenant.region, tenantId: tenant.id, workspaceId, clientId, credentialId }
      return { ...owner, digest: digestSecret(digestKey, owner, secret).bytes.toString('hex') }
    })
    const column = (name: keyof (typeof rows)[number]) => rows.map((row) => row[name])
    const names = [column('tenantId'), column('workspaceId'), column('clientId')]
    // The next rows are made while these are written.
    await underWay
    underWay = (async () => {
      await client.query(INSERT_CLIENTS, names)
      await client.query(INSERT_CREDENTIALS, [
        ...names,
        column('credentialId'),
        column('digest'),
        sharedHash,
        digestKey.id,
      ])
      await client.query(INSERT_GRANTS, [...names, SCOPE])
    })()
    underWay.catch(() => {})
    const done = (numbers.at(-1) ?? 0) + 1
    if (done % 100_000 === 0) onProgress(`clients: ${done} of ${who.clients}`)
  })
  await underWay
}

const INSERT_CLIENTS = `
  insert into regent.client (tenant_id, workspace_id, client_id, name, token_endpoint_auth_method, strict_auth_method,
    grant_types, several_resources)
  select tenant_id, workspace_id, client_id, 'Service ' || client_id, 'client_secret_basic', false,
    '{client_credentials}', false
  from unnest($1::uuid[], $2::uuid[], $3::text[]) as planted (tenant_id, workspace_id, client_id)`
const INSERT_CREDENTIALS = `
  insert into regent.credential (tenant_id, workspace_id, client_id, credential_id, kind, origin, label, bcrypt_hash,
    digest, digest_key_id, slot, created_by)
  select tenant_id, workspace_id, client_id, credential_id, 'secret', 'generated', 'bench', $6, decode(digest, 'hex'), $7, 1, 'bench'
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
    as planted (tenant_id, workspace_id, client_id, credential_id, digest)`
const INSERT_GRANTS = `
  insert into regent.scope_grant (tenant_id, workspace_id, client_id, scope_token, by_default)
  select tenant_id, workspace_id, client_id, $4, true
  from unnest($1::uuid[], $2::uuid[], $3::text[]) as planted (tenant_id, workspace_id, client_id)`

/** Columns that a row does not name keep their defaults; all rows name the same ones. */
async function insert(client: Client, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).join(', ')
  await client.query(
    `insert into regent.${table} (${columns})
     select ${columns} from json_populate_recordset(null::regent.${table}, $1::json)`,
    [JSON.stringify(rows)],
  )
}

async function inBatches(count: number, size: number, work: (numbers: readonly number[]) => Promise<void>) {
  for (let first = 0; first < count; first += size) {
    await work(Array.from({ length: Math.min(size, count - first) }, (_, index) => first + index))
  }
}

function masterKeys() {
  const keys = parseMasterKeys(MASTER_KEYS)
  if (typeof keys === 'string') throw new Error(keys)
  return keys
}

const hex = (bytes: Buffer) => `\\x${bytes.toString('hex')}`
const date = (seconds: number) => new Date(seconds * 1000).toISOString()
