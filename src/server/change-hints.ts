/** Listens for changes, on one connection for each database, and hints at them to the nodes' regions that live there. */
import type { Observe } from '../observe/observation.ts'
import { CHANGE_CHANNEL, openListener, type Listener } from '../storage/listener.ts'
import type { Region } from '../tenancy/region.ts'
import type { ServedRegion } from './served-region.ts'

type Needs = {
  readonly regions: ReadonlyMap<Region, ServedRegion>
  /** Something has changed in a region, perhaps. */
  readonly hint: (region: Region) => void
  readonly observe: Observe
}

type Listened = {
  readonly listen: NonNullable<ServedRegion['listen']>
  readonly directVariable: ServedRegion['directVariable']
}

export function changeHints({ regions, hint, observe }: Needs) {
  const listeners: Listener[] = []
  const groups = new Map<string, { served: Listened; own: Region[] }>()
  for (const [region, { listen, directVariable }] of regions) {
    if (listen === undefined) continue
    const key = String(listen.connectionString)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { served: { listen, directVariable }, own: [region] })
    else group.own.push(region)
  }

  return {
    open(): void {
      for (const { served, own } of groups.values()) {
        const { listen, directVariable } = served
        listeners.push(
          openListener({
            connection: listen,
            channel: CHANGE_CHANNEL,
            ...(directVariable !== undefined && {
              onPooler() {
                for (const region of own) observe({ type: 'listening', region, listening: false })
                observe({ type: 'warning', message: pooled(directVariable) })
              },
            }),
            onHint(payload) {
              // One that names no region of this node may come from a release that writes it in another way.
              const named = own.filter((region) => region === payload)
              for (const region of named.length > 0 ? named : own) hint(region)
            },
            onState(listening) {
              for (const region of own) observe({ type: 'listening', region, listening })
            },
          }),
        )
      }
    },
    async close(): Promise<void> {
      await Promise.all(listeners.map((listener) => listener.close()))
    },
  }
}

function pooled(directVariable: string): string {
  return `The database is reached through a pooler, which hands on no notifications: changes are known up to half a second later. Name the server itself in ${directVariable} (or the pooler, if it keeps sessions).`
}
