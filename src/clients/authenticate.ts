/**
 * Client authentication, RFC 6749 §2.3: decides whether credentials are right. Takes values only: whoever asks has found
 * the client before.
 *
 * What a failing attempt costs is decided by the form of what was presented and by the workspace, never by the client
 * that was found or not: a secret that Regent generated costs a digest, another one a comparison with a slow hash, and as much
 * of it whatever is found. The client's state is looked at after the secret.
 */
import { randomBytes } from 'node:crypto'
import { hash } from 'bcrypt'
import type { Clock } from '../clock.ts'
import type { CredentialId } from '../ids.ts'
import { inSpan } from '../observe/tracing.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { askedDigests } from './asked-digests.ts'
import { attemptFault } from './attempt-fault.ts'
import { attemptKey, peerNetwork } from './attempt-key.ts'
import type { AttemptLimits } from './attempt-limits.ts'
import type { Credential, KnownClient } from './client.ts'
import type { Presented } from './credentials.ts'
import type { FailingWork } from './compare-hash.ts'
import {
  digestSecret,
  matchesDigest,
  type Digest,
  type DigestKey,
  type DigestKeys,
  type DigestOwner,
} from './digest.ts'
import { mostWork } from './hash-forms.ts'
import type { HashQueue } from './hash-queue.ts'
import { tooManyAttempts, type AuthenticationFault } from './refusal.ts'
import type { Rehash } from './rehashing.ts'
import type { VerifiedSecrets } from './verified-secrets.ts'

export type Attempt =
  | {
      readonly outcome: 'authenticated'
      readonly client: KnownClient
      readonly credentialId: CredentialId
      /** It replaces another one, and nobody had used it when its row was read. */
      readonly awaitsUse?: boolean
      /** What is worth storing: a digest that decides next time. */
      readonly newDigest?: NewDigest
    }
  | {
      readonly outcome: 'failed'
      readonly reason: AuthenticationFault
      /** What the slow hash was asked for, and said. */
      readonly compared?: Comparison
    }

export type NewDigest = { readonly owner: DigestOwner; readonly digest: Digest; readonly bcryptHash: string }
type Comparison = { readonly bcryptHash: string; readonly right: boolean }

type Needs = {
  readonly clock: Clock
  /** That new hashes are made with; what nobody has is compared with a hash of the same cost. */
  readonly bcryptCost: number
  readonly digestKeys: DigestKeys
  /** Which of them makes new digests in a region; the first where it is not said. */
  readonly digestKeyOf?: (region: Region) => DigestKey
  readonly hashQueue: HashQueue
  readonly verified: VerifiedSecrets
  readonly limits: Pick<AttemptLimits, 'mayTry' | 'retryAfter'>
  readonly rehash: Rehash
}

export type Authenticate = ReturnType<typeof clientAuthentication>

/** Digests whose writing was asked for; who is forgotten asks again. */
const MAX_ASKED = 100_000
const NOBODY = 'nobody0000000000' as CredentialId
const NOTHING = { bcryptCost: 0, iterations: 0 }

export function clientAuthentication(needs: Needs) {
  const { clock, bcryptCost, digestKeys, hashQueue, verified, limits, rehash } = needs
  const [first] = digestKeys
  const { digestKeyOf = () => first } = needs
  const digestsAsked = askedDigests({ maxEntries: MAX_ASKED })
  const nobodysHash = hash(randomBytes(32).toString('base64url'), bcryptCost)
  const nobodysDigest: Digest = { keyId: first.id, bytes: randomBytes(32) }
  /** Comparisons that wait or run: what asks for the same, as the same client from the same network, has a part in them. */
  const underWay = new Map<string, Promise<boolean>>()

  /** The slow way; the same answer is not asked for twice. */
  const compare = async (
    { presented, workspace, peer, previous, unsure = false }: Asked,
    client: KnownClient | undefined,
    bcryptHash: string,
    failing: FailingWork,
  ): Promise<Comparison> => {
    if (previous?.bcryptHash === bcryptHash) return previous
    const key = attemptKey(
      workspace.tenant.region,
      workspace.tenant.id,
      workspace.id,
      presented.clientId,
      peer,
    )
    const isPresent = (id: CredentialId) => client?.credentials.some((own) => own.id === id) ?? unsure
    if (!limits.mayTry(key, isPresent)) throw tooManyAttempts(limits.retryAfter(key))
    const same = [key, bcryptHash, presented.secret].join(' ')
    const turn = { tenantId: workspace.tenant.id, network: peerNetwork(peer) }
    let comparison = underWay.get(same)
    if (comparison === undefined) {
      comparison = hashQueue
        .compare(turn, presented.secret, bcryptHash, failing)
        .finally(() => underWay.delete(same))
      underWay.set(same, comparison)
    }
    return { bcryptHash, right: await inSpan('bcrypt', () => comparison) }
  }

  /**
   * @param client whom the workspace has under the presented id, if anybody
   * @throws OAuthError 429 where a slow comparison may not be asked for
   */
  return async function authenticate(asked: Asked, client: KnownClient | undefined): Promise<Attempt> {
    const { presented, workspace } = asked
    const { secret } = presented
    const credential = client?.credentials.find((candidate) => isMeant(candidate, presented.form))
    const owner: DigestOwner = {
      region: workspace.tenant.region,
      tenantId: workspace.tenant.id,
      workspaceId: workspace.id,
      clientId: presented.clientId,
      credentialId: credential?.id ?? NOBODY,
    }
    const generated = presented.form.form === 'generated'
    const digest = credential === undefined ? nobodysDigest : credential.digest
    const byDigest = digest && matchesDigest(digestKeys, digest, owner, secret)
    const bcryptHash = credential?.bcryptHash ?? (await nobodysHash)
    const now = clock.now()
    const failing = (): FailingWork => ({
      ...mostWork([{ bcryptCost, iterations: 0 }, workspace.hashWork ?? NOTHING]),
      anyway: attemptFault(asked, client, credential, true, now) !== undefined,
    })

    let right = byDigest === true || verified.isVerified(owner, bcryptHash, secret)
    let compared: Comparison | undefined
    if (!right && !(generated && byDigest === false)) {
      compared = await compare(asked, client, bcryptHash, failing())
      right = compared.right
    }

    const fault = attemptFault(asked, client, credential, right, now)
    // A right secret that is of no use costs what a wrong one does, though its digest told it quickly.
    if (fault !== undefined && !generated) compared ??= await compare(asked, client, bcryptHash, failing())
    if (fault !== undefined || client === undefined || credential === undefined) {
      return { outcome: 'failed', reason: fault ?? 'unknown_client', ...(compared && { compared }) }
    }
    if (compared !== undefined) verified.note(owner, bcryptHash, secret)
    const storable = generated || workspace.chosenDigests
    const by = digestKeyOf(owner.region)
    const stale = credential.digest?.keyId !== by.id
    if (workspace.rehash) rehash(owner, bcryptHash, secret, storable ? by : undefined)
    return {
      outcome: 'authenticated',
      client,
      credentialId: credential.id,
      ...(credential.awaitsUse === true && { awaitsUse: true }),
      ...(storable &&
        stale &&
        digestsAsked.isFirst(owner, bcryptHash, by.id) && {
          newDigest: { owner, digest: digestSecret(by, owner, secret), bcryptHash },
        }),
    }
  }
}

export type Asked = {
  readonly presented: Presented
  readonly workspace: Workspace
  readonly peer: string
  /** Of an attempt before this one, at the same request. */
  readonly previous?: Comparison | undefined
  /** Where no client was found, there may be one all the same: whoever succeeded before is not turned away. */
  readonly unsure?: boolean
}

function isMeant(candidate: Credential, form: Presented['form']): boolean {
  return form.form === 'generated'
    ? candidate.origin === 'generated' && candidate.id === form.credentialId
    : candidate.origin === 'chosen' && candidate.state === 'live'
}
