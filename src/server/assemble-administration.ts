/** Puts administration together with what a token server is made of. */
import { administration, type Administration } from '../admin/administration.ts'
import type { ChangeParts } from '../changes/change.ts'
import { monotonic } from '../clock.ts'
import { adminCalls } from '../records/admin-calls.ts'
import type { Region } from '../tenancy/region.ts'
import type { RegionNode } from './region-node.ts'
import type { ServerParts } from './server-parts.ts'

/** Connections that are left to tokens, and to what follows the feed. */
const LEFT = 2

export function assembleAdministration(
  parts: ServerParts,
  nodes: ReadonlyMap<Region, RegionNode>,
  changes: ChangeParts,
): Administration {
  const { clock, observe } = parts
  const served = [...parts.regions.values()]
  return administration({
    regions: new Map(
      [...nodes].map(([region, { directory, patient }]) => [region, { directory, database: patient }]),
    ),
    changes,
    clock,
    monotonic,
    observe,
    countCall: adminCalls(monotonic),
    atOnce: Math.max(1, Math.min(...served.map(({ connections }) => connections)) - LEFT),
  })
}
