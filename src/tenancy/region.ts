/**
 * Regions: where a tenant's data lives. `none` is the default region, whose hosts carry no label; the seed of this
 * project gave it to tenants that were created before there were regions.
 */
export const REGIONS = ['none', 'au', 'eu', 'us'] as const
export type Region = (typeof REGIONS)[number]

export function isRegion(text: string): text is Region {
  return (REGIONS as readonly string[]).includes(text)
}
