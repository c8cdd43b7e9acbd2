/** The published keys of every workspace, as verifiers keep them: fetched once, and again for a kid that is not known. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

export type KeySets = ReturnType<typeof keySets>
export type JwkSet = { readonly keys: readonly (JsonWebKey & { readonly kid: string })[] }

/** @param fetchSet asks any node for a workspace's set; undefined when none could answer */
export function keySets(fetchSet: (issuer: string) => Promise<JwkSet | undefined>) {
  const sets = new Map<string, Map<string, KeyObject>>()
  const owners = new Map<string, string>()
  const shared = new Set<string>()
  const inUse = new Map<string, Set<string>>()
  const underway = new Map<string, Promise<boolean>>()

  /** @returns whether it holds every key that has signed: none of them may leave while the bench runs */
  const take = (issuer: string, { keys }: JwkSet): boolean => {
    const set = sets.get(issuer) ?? new Map<string, KeyObject>()
    sets.set(issuer, set)
    for (const jwk of keys) {
      const owner = owners.get(jwk.kid)
      if (owner !== undefined && owner !== issuer) shared.add(jwk.kid)
      owners.set(jwk.kid, issuer)
      if (!set.has(jwk.kid)) set.set(jwk.kid, createPublicKey({ key: jwk, format: 'jwk' }))
    }
    return [...(inUse.get(issuer) ?? [])].every((kid) => keys.some((jwk) => jwk.kid === kid))
  }

  return {
    find(issuer: string, kid: string): KeyObject | undefined {
      const key = sets.get(issuer)?.get(kid)
      if (key !== undefined) inUse.set(issuer, (inUse.get(issuer) ?? new Set()).add(kid))
      return key
    },
    /** Kids that two workspaces have published. */
    shared: () => shared.size,
    take,
    /** @returns whether anybody answered */
    refresh(issuer: string): Promise<boolean> {
      const asked =
        underway.get(issuer) ??
        fetchSet(issuer)
          .then((set) => {
            if (set !== undefined) take(issuer, set)
            return set !== undefined
          })
          .finally(() => underway.delete(issuer))
      underway.set(issuer, asked)
      return asked
    },
  }
}
