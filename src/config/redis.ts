/**
 * Which Redis each region has, if any. It holds what may be lost, but it holds it about tenants: as with databases, no
 * region falls back to another's, and sharing the one of tenants without a region is written out.
 */
import { REGIONS, type Region } from '../tenancy/region.ts'
import { named, type Variables } from './variables.ts'

const EXAMPLE = 'as in rediss://regent:secret@redis.example.com:6379'

export function readRedisUrls(variables: Variables, faults: string[]): ReadonlyMap<Region, string> {
  const urls = new Map<Region, string>()
  for (const region of REGIONS) {
    const own = named(variables, 'REDIS_URL', region)
    if (own === undefined) continue
    const { variable, text } = own
    const shared = urls.get('none')
    if (region === 'none' || text !== 'default') {
      if (!URL.canParse(text) || !/^rediss?:$/.test(new URL(text).protocol) || new URL(text).hostname === '')
        faults.push(`${variable} must be a Redis URL, ${EXAMPLE}`)
      urls.set(region, text)
    } else if (shared !== undefined) urls.set(region, shared)
    else {
      faults.push(
        `${variable} is 'default', but REDIS_URL is not set: set it, or give the region its own Redis`,
      )
    }
  }
  return urls
}
