/**
 * Hashes a secret anew when it is used and its hash is weaker than the ones that are made now: of another form, since it came
 * from elsewhere, or bcrypt at a lower cost. Nobody waits for it: it runs while the slow hash has nothing else to do, and
 * otherwise at another use.
 */
import { hash as bcryptHash } from 'bcrypt'
import { LRUCache } from 'lru-cache'
import { digestSecret, type Digest, type DigestKey, type DigestOwner } from './digest.ts'
import { workOf } from './hash-forms.ts'
import type { HashQueue } from './hash-queue.ts'

/** @property digest where one may be kept beside the hash */
export type Rehashed = {
  readonly owner: DigestOwner
  /** That the secret was right for; a credential that has another one by now keeps it. */
  readonly bcryptHash: string
  readonly newHash: string
  readonly digest?: Digest | undefined
}

/** @param digestKey undefined: no digest of it may be kept */
export type Rehash = (
  owner: DigestOwner,
  storedHash: string,
  secret: string,
  digestKey: DigestKey | undefined,
) => void

type Needs = {
  readonly hashQueue: Pick<HashQueue, 'spare'>
  /** That new hashes are made with. */
  readonly bcryptCost: number
  readonly onRehashed: (rehashed: Rehashed) => void
  /** Credentials that are remembered as done, until memory has read their new hash. */
  readonly maxEntries?: number
}

export function rehashing({ hashQueue, bcryptCost, onRehashed, maxEntries = 10_000 }: Needs): Rehash {
  const done = new LRUCache<string, true>({ max: maxEntries })

  return (owner, storedHash, secret, digestKey) => {
    if (workOf(storedHash).bcryptCost >= bcryptCost) return
    const { region, tenantId, workspaceId, clientId, credentialId } = owner
    const key = [region, tenantId, workspaceId, clientId, credentialId, storedHash].join(' ')
    if (done.has(key)) return
    done.set(key, true)
    const work = async () => {
      const newHash = await bcryptHash(secret, bcryptCost)
      const digest = digestKey && digestSecret(digestKey, owner, secret)
      onRehashed({ owner, bcryptHash: storedHash, newHash, digest })
    }
    void hashQueue.spare(work).then(
      (wasDone) => wasDone || done.delete(key),
      () => done.delete(key),
    )
  }
}
