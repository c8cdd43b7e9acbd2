/** Which key makes new digests in a region: the first that all of its nodes know, as a node heard last. */
import type { Region } from '../tenancy/region.ts'
import type { DigestKey, DigestKeys } from './digest.ts'

export function digestKeyChoice(digestKeys: DigestKeys) {
  const chosen = new Map<Region, DigestKey>()
  return {
    /** @param knownToAll ids of master keys; where none of them is known here, it stays as it was */
    learn(region: Region, knownToAll: readonly string[]): void {
      const first = digestKeys.find(({ id }) => knownToAll.includes(id))
      if (first !== undefined) chosen.set(region, first)
    },
    /** The first of all before anything was heard. */
    keyOf: (region: Region): DigestKey => chosen.get(region) ?? digestKeys[0],
  }
}
