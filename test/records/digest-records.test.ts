/** Digests that find their way to rows: in batches, past outages, and never to a secret that was replaced meanwhile. */
import { createClient } from '../../src/changes/client-changes.ts'
import { createSecret } from '../../src/changes/credential-changes.ts'
import type { ClientId } from '../../src/ids.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { digestRecords, type DigestNote } from '../../src/records/digest-records.ts'
import type { Database } from '../../src/storage/transaction.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'
import { openWorld, type World, type WorldWorkspace } from '../support/world.ts'

const DIGEST = { keyId: 'test', bytes: Buffer.alloc(32, 9) }

describe('digestRecords', () => {
  let world: World
  let orders: WorldWorkspace
  let rival: WorldWorkspace
  let proxy: Awaited<ReturnType<typeof openTcpProxy>>
  let clients = 0

  beforeAll(async () => {
    world = await openWorld({
      async route(text) {
        const url = new URL(text)
        proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) })
        url.host = `127.0.0.1:${proxy.port}`
        return String(url)
      },
    })
    orders = await world.workspace('https://acme.eu.token.example/orders', { chosenSecrets: true })
    rival = await world.workspace('https://rival.eu.token.example/orders', { chosenSecrets: true })
  })
  afterAll(async () => {
    await world.close()
    await proxy.cut()
  })

  const seen: Observation[] = []
  const open = ({
    database = world.database,
    maxWaiting = 1000,
  }: { database?: Database; maxWaiting?: number } = {}) =>
    digestRecords({
      databases: new Map([['eu', database]]),
      observe: (observation) => seen.push(observation),
      maxWaiting,
    })
  /** A new client's note, as it comes after bcrypt has verified its secret. */
  async function noteOf({ change, workspace }: WorldWorkspace): Promise<DigestNote> {
    const clientId = `client-${clients++}` as ClientId
    await createClient(change, workspace, { id: clientId, name: clientId })
    const { credentialId } = await createSecret(change, workspace, clientId, {
      chosen: `a secret of ${clientId}`,
    })
    const {
      rows: [row],
    } = await world.superuser<{ hash: string }>(
      'select bcrypt_hash as hash from regent.credential where credential_id = $1',
      [credentialId],
    )
    const { tenant, id: workspaceId } = workspace
    return {
      owner: { region: 'eu', tenantId: tenant.id, workspaceId, clientId, credentialId },
      digest: DIGEST,
      bcryptHash: row?.hash ?? '',
    }
  }
  const stored = async (...notes: readonly DigestNote[]) => {
    const { rows } = await world.superuser<{ id: string; key: string | null; digest: Buffer | null }>(
      'select credential_id as id, digest_key_id as key, digest from regent.credential where credential_id = any ($1)',
      [notes.map(({ owner }) => owner.credentialId)],
    )
    return notes.map(({ owner }) => {
      const row = rows.find(({ id }) => id === owner.credentialId)
      return row?.digest ? { keyId: row.key, bytes: row.digest } : undefined
    })
  }
  const until = async (isSo: () => boolean | Promise<boolean>) => {
    for (let tries = 0; tries < 400 && !(await isSo()); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await isSo()).toBe(true)
  }
  /** Counts the transactions that are begun. */
  const counting = () => {
    const tenants: string[] = []
    const database: Database = {
      ...world.database,
      inTenant: (tenantId, work) => {
        tenants.push(tenantId)
        return world.database.inTenant(tenantId, work)
      },
    }
    return { tenants, database }
  }

  it('writes by itself what was noted, one transaction for each tenant', async () => {
    const notes = [await noteOf(orders), await noteOf(rival), await noteOf(orders)]
    const { tenants, database } = counting()
    const records = open({ database })
    for (const note of notes) records.note(note)
    await until(async () => (await stored(...notes)).every((digest) => digest !== undefined))
    expect(await stored(...notes)).toEqual([DIGEST, DIGEST, DIGEST])
    expect(tenants.toSorted()).toEqual([orders.workspace.tenant.id, rival.workspace.tenant.id].toSorted())
    await records.close()
    expect(tenants).toHaveLength(2)
  })

  it('keeps transactions small', async () => {
    const note = await noteOf(orders)
    const { tenants, database } = counting()
    const records = open({ database })
    for (let other = 0; other < 250; other++)
      records.note({ ...note, owner: { ...note.owner, clientId: `nobody-${other}` as ClientId } })
    await records.close()
    expect(tenants).toHaveLength(3)
  })

  it('gives no digest of an old secret to a credential that has another one by now', async () => {
    const note = await noteOf(orders)
    const records = open()
    records.note({ ...note, bcryptHash: `$2b$04$${'x'.repeat(53)}` })
    await records.flush()
    expect(await stored(note)).toEqual([undefined])
    records.note(note)
    await records.close()
    expect(await stored(note)).toEqual([DIGEST])
  })

  it('puts a new hash where the old one stands, with its digest, and nowhere else', async () => {
    const [note, another] = [await noteOf(orders), await noteOf(orders)]
    const [newHash, third] = ['n', 't'].map((letter) => `$2b$05$${letter.repeat(53)}`) as [string, string]
    const hashes = async () => {
      const { rows } = await world.superuser<{ hash: string }>(
        'select bcrypt_hash as hash from regent.credential where credential_id = any ($1) order by client_id',
        [[note.owner.credentialId, another.owner.credentialId]],
      )
      return rows.map(({ hash }) => hash)
    }
    const records = open()
    records.note({ ...note, newHash })
    records.note({ ...another, newHash, bcryptHash: third })
    await records.flush()
    expect([await hashes(), await stored(note, another)]).toEqual([
      [newHash, another.bcryptHash],
      [DIGEST, undefined],
    ])
    // Where no digest may be kept, none is touched.
    records.note({ ...note, bcryptHash: newHash, newHash: third, digest: undefined })
    await records.close()
    expect([(await hashes())[0], await stored(note)]).toEqual([third, [DIGEST]])
  })

  it('keeps the newest of one credential', async () => {
    const note = await noteOf(orders)
    const newest = { keyId: 'newer', bytes: Buffer.alloc(32, 1) }
    const records = open()
    records.note(note)
    records.note({ ...note, digest: newest })
    await records.close()
    expect(await stored(note)).toEqual([newest])
  })

  it.each([
    ['a tenant', (owner: DigestNote['owner']) => ({ ...owner, tenantId: rival.workspace.tenant.id })],
    ['a workspace', (owner: DigestNote['owner']) => ({ ...owner, workspaceId: rival.workspace.id })],
    ['a client', (owner: DigestNote['owner']) => ({ ...owner, clientId: 'client-0' as ClientId })],
    ['a region that is not served', (owner: DigestNote['owner']) => ({ ...owner, region: 'us' as const })],
  ])('writes nothing for %s that the credential does not belong to', async (_case, move) => {
    const note = await noteOf(orders)
    const records = open()
    records.note({ ...note, owner: move(note.owner) })
    await records.close()
    expect(await stored(note)).toEqual([undefined])
  })

  it('waits for a database that is away, and writes when it is back (T61)', async () => {
    const notes = [await noteOf(orders), await noteOf(rival)]
    const records = open()
    seen.length = 0
    await proxy.cut()
    try {
      for (const note of notes) records.note(note)
      await records.flush()
      await records.flush()
    } finally {
      await proxy.mend()
    }
    await until(async () => (await stored(...notes)).every((digest) => digest !== undefined))
    await records.close()
    expect([records.dropped(), seen]).toEqual([0, []])
  })

  it('does not put an older note over a newer one when it comes back to it', async () => {
    const note = await noteOf(orders)
    const newest = { keyId: 'newer', bytes: Buffer.alloc(32, 1) }
    let fail = true
    const records = open({
      database: {
        ...world.database,
        async inTenant(tenantId, work) {
          if (!fail) return world.database.inTenant(tenantId, work)
          fail = false
          records.note({ ...note, digest: newest })
          throw Object.assign(new Error('gone'), { code: 'ECONNRESET' })
        },
      },
    })
    records.note(note)
    await records.flush()
    await records.close()
    expect(await stored(note)).toEqual([newest])
  })

  it('holds so many notes and counts what it drops', async () => {
    const notes = [await noteOf(orders), await noteOf(orders), await noteOf(orders)]
    const records = open({ maxWaiting: 2 })
    for (const note of notes) records.note(note)
    records.note(notes[0] as DigestNote)
    expect(records.dropped()).toBe(1)
    await records.close()
    expect(await stored(...notes)).toEqual([DIGEST, DIGEST, undefined])
  })

  it('says what the database refuses, does not repeat it, and goes on with other tenants', async () => {
    const bad = await noteOf(orders)
    const good = await noteOf(rival)
    const records = open()
    seen.length = 0
    // Longer than a digest can be: the table's own CHECK (23514).
    records.note({ ...bad, digest: { ...DIGEST, bytes: Buffer.alloc(33) } })
    records.note(good)
    await records.flush()
    await records.close()
    expect(seen).toEqual([{ type: 'warning', message: expect.stringMatching(/^region eu: .*23514/) }])
    expect(await stored(bad, good)).toEqual([undefined, DIGEST])
  })

  it('ends while its database is away, and runs no more afterwards', async () => {
    const [note, late] = [await noteOf(orders), await noteOf(orders)]
    const { tenants, database } = counting()
    const records = open({ database })
    await proxy.cut()
    try {
      records.note(note)
      await records.close()
    } finally {
      await proxy.mend()
    }
    const tried = tenants.length
    expect(tried).toBe(1)
    records.note(late)
    await records.flush()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(tenants).toHaveLength(tried)
    expect(await stored(note, late)).toEqual([undefined, undefined])
  })
})
