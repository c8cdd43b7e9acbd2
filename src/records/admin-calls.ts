/** Counts calls of administration, by client and minute: so many that no person and no pipeline meets the limit. */
import type { ClientId, TenantId } from '../ids.ts'
import type { Region } from '../tenancy/region.ts'
import { permits } from './permits.ts'
import type { PermitKey } from './region-count.ts'

const MAX_KEYS = 10_000
/** A minute. */
export const MAX_CALLS = 1200

/** @param monotonic milliseconds of a clock that nobody sets */
export function adminCalls(monotonic: () => number) {
  const counted = permits({ monotonic, count: undefined, maxKeys: MAX_KEYS })
  /** @returns seconds until it may call again; undefined: it may */
  return (region: Region, tenantId: TenantId, clientId: ClientId): number | undefined => {
    const key = `${region}/${tenantId}/admin/${clientId}` as PermitKey
    const { permits: left, seconds } = counted.available(key, MAX_CALLS)
    if (left === 0) return seconds
    counted.use(key, MAX_CALLS)
    return undefined
  }
}
