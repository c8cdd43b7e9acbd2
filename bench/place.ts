/**
 * Where Regent is measured: a database of its own with one tenant, a workspace for each algorithm in use, some clients in
 * each, and processes of `regent serve` from the build, as deployed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChangeNeeds } from '../src/changes/change.ts'
import { createClient } from '../src/changes/client-changes.ts'
import { createResourceServer } from '../src/changes/create-resource-server.ts'
import { createTenant } from '../src/changes/create-tenant.ts'
import { createWorkspace } from '../src/changes/create-workspace.ts'
import { createSecret } from '../src/changes/credential-changes.ts'
import { grantScopes } from '../src/changes/scope-changes.ts'
import type { ClientId } from '../src/ids.ts'
import { keyring } from '../src/keys/keyring.ts'
import type { Algorithm } from '../src/oauth/signing.ts'
import { deriveKeys } from '../src/sealing/derive.ts'
import { parseMasterKeys } from '../src/sealing/master-keys.ts'
import { sealing } from '../src/sealing/seal.ts'
import { openPostgres } from '../src/storage/open-postgres.ts'
import { database } from '../src/storage/transaction.ts'
import { parseOrigin } from '../src/tenancy/origin.ts'
import type { Tenant } from '../src/tenancy/tenant.ts'
import { certificateAuthority } from '../test/support/certificates.ts'
import { runCommand, startCommand } from '../test/support/command.ts'
import { createDatabase, freePort } from '../test/support/postgres.ts'
import { LIMITS } from '../test/support/world.ts'
import { RESOURCE, SCOPE, tokenRequest } from './token-request.ts'

export type Place = Awaited<ReturnType<typeof openPlace>>

const PROGRAM = 'dist/src/main.js'
const ORIGIN = 'http://localhost'
const MASTER_KEYS = `bench:${Buffer.alloc(32, 7).toString('base64')}`
const CLIENTS = 64
const BCRYPT_COST = 4

export async function openPlace(algorithms: readonly Algorithm[]) {
  const home = await createDatabase()
  const environment = {
    REGENT_ORIGIN: ORIGIN,
    DATABASE_URL: home.url,
    DATABASE_ADMIN_URL: home.adminUrl,
    REGENT_MASTER_KEYS: MASTER_KEYS,
    REGENT_DRAIN: '0',
    // What is planted has this cost: a node that makes slower hashes would make them anew while it is measured.
    REGENT_BCRYPT_COST: String(BCRYPT_COST),
  }
  for (const command of ['roles', 'up']) {
    const { code, err } = await runCommand(['migrate', command], environment)
    if (code !== 0) throw new Error(`regent migrate ${command}: ${err}`)
  }
  const requests = await plant(home.url, algorithms)
  const folder = mkdtempSync(join(tmpdir(), 'regent-bench-'))
  const { pem, key } = certificateAuthority('bench').sign('localhost')
  const tls = { REGENT_TLS_CERT: join(folder, 'tls.crt'), REGENT_TLS_KEY: join(folder, 'tls.key') }
  writeFileSync(tls.REGENT_TLS_CERT, pem)
  writeFileSync(tls.REGENT_TLS_KEY, key)
  const started = new Set<ReturnType<typeof startCommand>>()

  return {
    /** The bytes of a token request of each client, by the algorithm that its token is signed with. */
    requests,
    /** What a node is told that ends TLS itself. Its tenants' URLs are others: only its addresses are compared with. */
    tls: { ...tls, REGENT_ORIGIN: ORIGIN.replace('http:', 'https:') },

    async startNode(more: Readonly<Record<string, string>>) {
      const port = await freePort()
      const ports = { PORT: String(port), REGENT_OPS_PORT: String(await freePort()) }
      const node = startCommand(['serve'], { ...environment, ...ports, ...more }, undefined, PROGRAM)
      started.add(node)
      await node.says('server_started')
      return { pid: node.pid, port }
    },

    async close() {
      for (const node of started) node.kill('SIGKILL')
      await Promise.all([...started].map(({ ended }) => ended))
      await home.drop()
      rmSync(folder, { recursive: true })
    },
  }
}

async function plant(url: string, algorithms: readonly Algorithm[]) {
  const pool = await openPostgres({ url, variable: 'DATABASE_URL', connections: 2, connectTimeout: 10_000 })
  const origin = parseOrigin(ORIGIN)
  const masterKeys = parseMasterKeys(MASTER_KEYS)
  if (origin === undefined || typeof masterKeys === 'string') throw new Error('nothing can be planted')
  const needs: ChangeNeeds = {
    region: 'none',
    database: database(pool, LIMITS),
    origin,
    keyring: keyring(sealing(masterKeys)),
    bcryptCost: BCRYPT_COST,
    digestKeys: deriveKeys(masterKeys, 'credential digest'),
    maxStale: 3600,
    actor: 'bench',
  }
  try {
    const { tenant } = await createTenant(needs, { slug: 'acme' })
    const requests = new Map<Algorithm, readonly string[]>()
    for (const algorithm of algorithms)
      requests.set(algorithm, await plantWorkspace(needs, tenant, algorithm))
    return requests
  } finally {
    await pool.end()
  }
}

async function plantWorkspace(
  needs: ChangeNeeds,
  tenant: Tenant,
  algorithm: Algorithm,
): Promise<readonly string[]> {
  const slug = algorithm.toLowerCase()
  const { workspace } = await createWorkspace(needs, tenant, {
    slug,
    settings: { signingAlgorithm: algorithm, accessTokenLifetime: 3600 },
  })
  await createResourceServer(needs, workspace, {
    identifier: RESOURCE,
    name: 'API',
    scopes: { [SCOPE]: 'read' },
  })
  const requests = []
  for (let count = 0; count < CLIENTS; count += 1) {
    const id = `client-${count}` as ClientId
    await createClient(needs, workspace, { id, name: `Client ${count}` })
    await grantScopes(needs, workspace, id, [SCOPE])
    const { secret } = await createSecret(needs, workspace, id, { label: 'bench' })
    requests.push(tokenRequest(new URL(workspace.issuer), id, secret))
  }
  return requests
}

/** @returns the bytes of the body that the bytes of a request are answered with */
export function askOnce(port: number, bytes: string): Promise<string> {
  const [head = '', body = ''] = bytes.split('\r\n\r\n')
  const [first = '', host = ''] = head.split('\r\n')
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: first.split(' ')[1],
      headers: {
        Host: host.slice('Host: '.length),
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': body.length,
      },
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
      )
    })
    asked.end(body)
  })
}
