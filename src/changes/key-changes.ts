/**
 * Changes of a workspace's signing keys: maintain (take the steps that are due), rotate (the published key takes over)
 * and revoke (a key is worthless from now on). What to do is decided by keys/life-cycle.ts; this file does it.
 */
import type { Kid } from '../ids.ts'
import { generateSigningKey } from '../keys/generate.ts'
import { keyStore } from '../keys/key-store.ts'
import { isPublic, keySteps, type KeyStep, type KeyWish } from '../keys/life-cycle.ts'
import { sealingKey } from '../keys/sealing-key.ts'
import type { SigningKey } from '../keys/signing-key.ts'
import { databaseTime } from '../storage/database-time.ts'
import type { TenantConnection } from '../storage/transaction.ts'
import { resourceServerStore } from '../tenancy/resource-server-store.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { change, type Changed, type ChangeNeeds } from './change.ts'
import { brokenBy, cachesBrokenBy, type KeyDependence } from './key-breaks.ts'
import { ChangeRefusal } from './refusal.ts'

export const MAINTAIN: KeyWish = { rotate: false, firstSignsAtOnce: false }
const ROTATE: KeyWish = { rotate: true, firstSignsAtOnce: false }
/** Nobody has cached anything of what is made at this moment. */
export const BEGIN: KeyWish = { rotate: false, firstSignsAtOnce: true }

/** Takes whatever steps are due. Safe at any time. */
export function maintainKeys(needs: ChangeNeeds, workspace: Workspace) {
  return changeKeys(needs, workspace, MAINTAIN)
}

/**
 * The published key takes over from the active one, which goes on verifying.
 * @param now also before verifiers can have the published key: who has an older set in memory refuses tokens until it is over
 * @throws ChangeRefusal `key_too_young`, with the earliest moment, while verifiers may not have the published key
 */
export function rotateKeys(needs: ChangeNeeds, workspace: Workspace, now = false) {
  return changeKeys(needs, workspace, { ...ROTATE, now })
}

/** The emergency: the key leaves the JWKS now, whatever still depends on it, and another one signs at once. */
export async function revokeKey(
  needs: ChangeNeeds,
  workspace: Workspace,
  kid: Kid,
  dependence?: KeyDependence,
): Promise<Changed<{ steps: readonly KeyStep[] }>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    const store = keyStore(connection, workspace.id)
    await store.lockKeys()
    const key = (await store.listKeys()).find((candidate) => candidate.kid === kid)
    const done =
      key !== undefined &&
      isPublic(key) &&
      (await store.moveKey(kid, key.state, 'revoked', await databaseTime(connection)))
    if (!done)
      throw new ChangeRefusal('kid', 'unknown_key', 'kid names no key of this workspace that can be revoked')
    const steps = await takeKeySteps(needs, connection, workspace, MAINTAIN)
    return {
      value: { steps },
      event: {
        action: 'keys_changed',
        workspaceId: workspace.id,
        subject: kid,
        details: { revoked: kid, steps, ...dependence },
      },
      breaks: dependence === undefined ? [] : brokenBy(dependence),
    }
  })
}

async function changeKeys(
  needs: ChangeNeeds,
  workspace: Workspace,
  wish: KeyWish,
): Promise<Changed<{ steps: readonly KeyStep[] }>> {
  return change(needs, workspace.tenant.id, async (connection) => {
    const steps = await takeKeySteps(needs, connection, workspace, wish)
    return {
      value: { steps },
      event: {
        action: 'keys_changed',
        workspaceId: workspace.id,
        subject: workspace.slug,
        details: { rotate: wish.rotate, ...(wish.now === true && { now: true }), steps },
      },
      breaks: await cachesBrokenBy(connection, workspace, steps),
    }
  })
}

/**
 * One active and one published key for each algorithm in use. What was in use once keeps its keys.
 * @returns the steps that were taken
 */
export async function takeKeySteps(
  needs: ChangeNeeds,
  connection: TenantConnection,
  workspace: Workspace,
  wish: KeyWish,
): Promise<readonly KeyStep[]> {
  const store = keyStore(connection, workspace.id)
  await store.lockKeys()
  const now = await databaseTime(connection)
  const keys = await store.listKeys()
  const settings = { signingLead: workspace.signingLead, maxStale: needs.maxStale }
  const chosen = await resourceServerStore(connection, workspace.id).listSigningAlgorithms()
  const signing = keys.filter(({ state }) => state === 'active').map(({ algorithm }) => algorithm)
  const taken: KeyStep[] = []
  /** When each algorithm that is not ready will be: all take their turn together, with the last of them. */
  const ready: number[] = []
  for (const algorithm of new Set([workspace.signingAlgorithm, ...chosen, ...signing])) {
    const own = keys.filter((key) => key.algorithm === algorithm)
    const steps = keySteps(algorithm, own, now, settings, wish)
    if (wish.rotate && !steps.some((step) => step.do === 'retire')) ready.push(readyAt(own, steps))
    for (const step of steps) await takeStep(needs, connection, workspace, step, now)
    taken.push(...steps)
  }
  if (ready.length > 0) throw tooYoung(Math.max(...ready))
  return taken
}

async function takeStep(
  needs: ChangeNeeds,
  connection: TenantConnection,
  workspace: Workspace,
  step: KeyStep,
  now: number,
): Promise<void> {
  const store = keyStore(connection, workspace.id)
  switch (step.do) {
    case 'publish': {
      const { publicJwk, privateKey } = await generateSigningKey(step.algorithm)
      const owner = { region: needs.region, tenantId: workspace.tenant.id, workspaceId: workspace.id }
      const by = await sealingKey(connection, needs.region, needs.keyring)
      const sealed = needs.keyring.seal(privateKey, owner, publicJwk.kid, by)
      privateKey.fill(0)
      const key = {
        publicJwk,
        sealed,
        publishedAt: now,
        maySignAt: step.maySignAt,
        maxTokenLifetime: workspace.accessTokenLifetime,
        maxJwksAge: workspace.jwksMaxAge,
        maxStale: needs.maxStale,
      }
      return store.insertKey(key, step.activate)
    }
    case 'activate':
      return requireMoved(store.moveKey(step.kid, 'published', 'active', now))
    case 'retire':
      return requireMoved(store.moveKey(step.kid, 'active', 'retired', now))
    case 'remove':
      return requireMoved(store.moveKey(step.kid, 'retired', 'gone', now))
  }
}

async function requireMoved(moved: Promise<boolean>): Promise<void> {
  if (!(await moved)) throw new Error('a signing key was not in the state that its step starts from')
}

/** @returns seconds since 1970 from when verifiers have the next key */
function readyAt(keys: readonly SigningKey[], steps: readonly KeyStep[]): number {
  const next = steps.find((step) => step.do === 'publish') ?? keys.find(({ state }) => state === 'published')
  if (next === undefined) throw new Error('no next key is there, and none is made')
  return next.maySignAt
}

function tooYoung(earliest: number): ChangeRefusal {
  return new ChangeRefusal(
    'workspace',
    'key_too_young',
    `verifiers may not have the next key yet: it can take over from ${new Date(earliest * 1000).toISOString()}`,
  )
}
