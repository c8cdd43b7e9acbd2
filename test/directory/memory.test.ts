/** What is remembered, by which key, and for how long; no database is asked here. */
import type { KnownClient } from '../../src/clients/client.ts'
import { concernOf } from '../../src/directory/concern.ts'
import { freshness } from '../../src/directory/freshness.ts'
import type { KnownWorkspace } from '../../src/directory/known-workspace.ts'
import { clientKey, regionMemory, workspaceKey, type MemoryKey } from '../../src/directory/memory.ts'
import type { ClientId, TenantId, WorkspaceId } from '../../src/ids.ts'
import type { Workspace } from '../../src/tenancy/tenant.ts'

const workspaceOf = (tenant: string, workspace: string) =>
  ({
    tenant: { id: `id-of-${tenant}`, slug: tenant, region: 'eu' },
    id: `id-of-${workspace}`,
    slug: workspace,
  }) as unknown as KnownWorkspace
const client = (id: string) => ({ id, credentials: [], grants: [] }) as unknown as KnownClient
const acme = workspaceOf('acme', 'shop')
const rival = workspaceOf('rival', 'shop')
const sibling = workspaceOf('acme', 'depot')
const ROBOT = 'robot' as ClientId
const concern = (of: 'workspace' | 'settings', { tenant, id }: Workspace) => ({
  of,
  tenantId: tenant.id,
  workspaceId: id,
})
const names = ({ tenant, slug }: Workspace) => ({ tenant: tenant.slug, workspace: slug })

describe('memory', () => {
  const open = (clients = 1000) => regionMemory('eu', { clients, workspaces: 100 })

  it('T04 has no key that is shorter than region, tenant and workspace', () => {
    // @ts-expect-error -- only the functions of this room make keys
    const short: MemoryKey = 'acme'
    // @ts-expect-error -- and they take all parts
    expect(() => clientKey('eu', { tenant: acme.tenant }, undefined)).not.toThrow()
    expect(short).toBe('acme')
    const keys = [acme, rival, sibling].flatMap((workspace) =>
      (['eu', 'us'] as const).flatMap((region) => [
        clientKey(region, workspace, ROBOT),
        clientKey(region, workspace, 'robot/1' as ClientId),
        workspaceKey(region, names(workspace)),
      ]),
    )
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('T04 answers nobody with what belongs to a client of the same id elsewhere', () => {
    const memory = open()
    memory.keepClient(acme, ROBOT, client('of acme'), 1)
    expect(memory.findClient(rival, ROBOT)).toBeUndefined()
    expect(memory.findClient(sibling, ROBOT)).toBeUndefined()
    expect(memory.findClient(acme, ROBOT)).toMatchObject({ id: 'of acme' })
  })

  it('forgets what a change concerns, and nothing else', () => {
    const memory = open()
    const keepAll = (number: number) => {
      for (const workspace of [acme, rival, sibling]) {
        memory.keepWorkspace(workspace, number)
        for (const id of ['robot', 'other']) memory.keepClient(workspace, id as ClientId, client(id), number)
      }
    }
    const held = () =>
      [acme, rival, sibling].map((workspace) =>
        [
          memory.findWorkspace(names(workspace)) && 'workspace',
          memory.findClient(workspace, ROBOT) && 'robot',
          memory.findClient(workspace, 'other' as ClientId) && 'other',
        ].filter(Boolean),
      )
    const all = ['workspace', 'robot', 'other']

    keepAll(10)
    memory.mark({ ...concern('workspace', acme), of: 'client', clientId: ROBOT }, 11)
    expect(held()).toEqual([['workspace', 'other'], all, all])
    keepAll(11)
    memory.mark(concern('settings', acme), 12)
    expect(held()).toEqual([['robot', 'other'], all, all])
    keepAll(12)
    memory.mark(concern('workspace', acme), 13)
    expect(held()).toEqual([[], all, all])
    keepAll(13)
    memory.mark({ of: 'tenant', tenantId: acme.tenant.id }, 14)
    expect(held()).toEqual([[], all, []])
    keepAll(14)
    memory.mark({ of: 'region' }, 15)
    expect(held()).toEqual([[], [], []])
    keepAll(15)
    memory.empty()
    expect(held()).toEqual([[], [], []])
  })

  it('does not keep what was read before a change that it lacks, and says so', () => {
    const memory = open()
    memory.mark({ ...concern('workspace', acme), of: 'client', clientId: ROBOT }, 7)
    expect(memory.keepClient(acme, ROBOT, client('old'), 6)).toBe(false)
    expect(memory.findClient(acme, ROBOT)).toBeUndefined()
    expect(memory.keepClient(acme, ROBOT, client('new'), 7)).toBe(true)
    expect(memory.keepClient(rival, ROBOT, client('untouched'), 6)).toBe(true)
    memory.mark(concern('settings', acme), 9)
    expect(memory.keepWorkspace(acme, 8)).toBe(false)
    expect(memory.keepWorkspace(acme, 9)).toBe(true)
  })

  it('never remembers that somebody is not there', () => {
    const memory = open()
    memory.keepClient(acme, ROBOT, client('robot'), 1)
    expect(memory.keepClient(acme, ROBOT, undefined, 2)).toBe(true)
    expect(memory.findClient(acme, ROBOT)).toBeUndefined()
    expect(memory.size().clients).toBe(0)
  })

  it('is bounded: the least used is forgotten first, and marks become one that holds for all', () => {
    const memory = open(10)
    for (let n = 0; n < 100; n++) memory.keepClient(acme, `c${n}` as ClientId, client(`c${n}`), 1)
    expect(memory.size().clients).toBe(10)
    expect(memory.findClient(acme, 'c99' as ClientId)).toBeDefined()
    expect(memory.findClient(acme, 'c0' as ClientId)).toBeUndefined()
    for (let n = 0; n < 100_001; n++) {
      memory.mark({ ...concern('workspace', rival), of: 'client', clientId: `m${n}` as ClientId }, 2 + n)
    }
    expect(memory.size().marks).toBeLessThanOrEqual(100_000)
    expect(memory.findClient(acme, 'c99' as ClientId)).toBeUndefined()
    expect(memory.keepClient(rival, 'm5' as ClientId, client('m5'), 6)).toBe(false)
  })
})

describe('what an entry of the feed concerns', () => {
  const entry = (kind: string, workspaceId: string | undefined, subject = 'robot') => ({
    kind,
    tenantId: 't' as TenantId,
    workspaceId: workspaceId as WorkspaceId | undefined,
    subject,
  })
  it.each([
    ['client_disabled', 'w', 'client'],
    ['secret_created', 'w', 'client'],
    ['scopes_withdrawn', 'w', 'client'],
    ['keys_changed', 'w', 'settings'],
    ['signing_chosen', 'w', 'workspace'],
    ['limit_set', 'w', 'workspace'],
    ['a kind of a later release', 'w', 'workspace'],
    ['a kind of a later release', undefined, 'tenant'],
    ['tenant_created', undefined, 'tenant'],
  ])('%s, of workspace %s: %s', (kind, workspaceId, of) => {
    expect(concernOf(entry(kind, workspaceId)).of).toBe(of)
  })

  it('T74 concerns the whole region when its row names no tenant, and the workspace when it names no client', () => {
    expect(concernOf({ ...entry('client_disabled', 'w'), tenantId: null as unknown as TenantId })).toEqual({
      of: 'region',
    })
    expect(concernOf({ ...entry('client_disabled', 'w'), subject: undefined }).of).toBe('workspace')
  })
})

describe('age', () => {
  it('makes tokens shorter after a minute, and refuses them after max_stale', () => {
    let now = 0
    const fresh = freshness({ maxStale: 3600, monotonic: () => now })
    expect(() => fresh.requireFresh()).toThrow(
      expect.objectContaining({ reason: 'memory_too_old', status: 503 }),
    )
    fresh.read(0)
    expect(fresh.requireFresh()).toBe(Number.POSITIVE_INFINITY)
    now = 60_000
    expect(fresh.requireFresh()).toBe(Number.POSITIVE_INFINITY)
    now = 60_001
    expect(fresh.requireFresh()).toBe(600)
    now = 3_600_000
    expect(fresh.requireFresh()).toBe(600)
    now = 3_600_001
    expect(fresh.isFresh()).toBe(false)
    expect(() => fresh.requireFresh()).toThrow(
      expect.objectContaining({ reason: 'memory_too_old', headers: { 'Retry-After': '5' } }),
    )
    // A reading that began long ago and ended now tells of then.
    fresh.read(10_000)
    expect(fresh.age()).toBeCloseTo(3590.001)
    fresh.read(5000)
    expect(fresh.age()).toBeCloseTo(3590.001)
  })
})
