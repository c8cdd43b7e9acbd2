/** Secrets whose hash is weak are hashed anew, while nothing else waits, and once. */
import { compare, getRounds, hashSync } from 'bcrypt'
import type { DigestKey, DigestOwner } from '../../src/clients/digest.ts'
import { rehashing, type Rehashed } from '../../src/clients/rehashing.ts'
import type { ClientId, CredentialId, TenantId, WorkspaceId } from '../../src/ids.ts'

const OWNER: DigestOwner = {
  region: 'eu',
  tenantId: 'acme' as TenantId,
  workspaceId: 'orders' as WorkspaceId,
  clientId: 'robot' as ClientId,
  credentialId: 'abcdefghijklmnop' as CredentialId,
}
const SECRET = 'some-secret-of-hydra'
const PBKDF2 =
  '$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$Z4qHcyrQC04D3zR6ahhTn1QxPJFtxaYA+vuhvamk5Yk'

function open({ idle = true, maxEntries = 10 } = {}) {
  const done: Rehashed[] = []
  const state = { idle, works: [] as Promise<void>[] }
  const rehash = rehashing({
    hashQueue: {
      async spare(work) {
        if (state.idle) {
          state.works.push(work())
          await state.works.at(-1)
        }
        return state.idle
      },
    },
    bcryptCost: 5,
    onRehashed: (rehashed) => done.push(rehashed),
    maxEntries,
  })
  const use = async (hash: string, owner = OWNER, digestKey?: DigestKey) => {
    rehash(owner, hash, SECRET, digestKey)
    await Promise.all(state.works)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { done, state, use }
}

describe('rehashing', () => {
  it.each([
    ['of another form', PBKDF2],
    ['of bcrypt at a lower cost', hashSync(SECRET, 4)],
  ])('makes a hash as new ones are of one %s, once', async (_case, hash) => {
    const { done, use } = open()
    await use(hash)
    await use(hash)
    expect(done).toEqual([{ owner: OWNER, bcryptHash: hash, newHash: expect.any(String), digest: undefined }])
    expect(getRounds(done[0]?.newHash ?? '')).toBe(5)
    expect(await compare(SECRET, done[0]?.newHash ?? '')).toBe(true)
    // Another credential, and the same one with another hash, are others.
    await use(hash, { ...OWNER, region: 'us' })
    await use(hashSync('another', 4))
    expect(done).toHaveLength(3)
  })

  it.each([5, 6])('leaves one of bcrypt at cost %i as it is', async (cost) => {
    const { done, use } = open()
    await use(hashSync(SECRET, cost))
    expect(done).toEqual([])
  })

  it('waits for a use at which nothing else is compared', async () => {
    const { done, state, use } = open({ idle: false })
    await use(PBKDF2)
    expect(done).toEqual([])
    state.idle = true
    await use(PBKDF2)
    expect(done).toHaveLength(1)
  })
})
