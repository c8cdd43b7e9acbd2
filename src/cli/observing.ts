/** Where a process of `regent serve` says what happens: its log, and its metrics. */
import type { ServerConfig } from '../config.ts'
import type { Gauges } from '../observe/gauges.ts'
import { openLog } from '../observe/log.ts'
import { openMetrics } from '../observe/metrics.ts'
import type { Observation, Observe } from '../observe/observation.ts'
import { printOrigin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'

/** @param read undefined while there is nothing to read yet */
export function openObserving({ logLevel }: ServerConfig, read: () => Gauges | undefined) {
  const log = openLog({ level: logLevel })
  const metrics = openMetrics(read, log.dropped)
  const observe: Observe = (observation) => {
    log.observe(observation)
    metrics.observe(observation)
  }
  return { log, metrics, observe }
}

export function serverStarted(
  { origin, host, port, opsHost, opsPort }: ServerConfig,
  regions: Iterable<Region>,
): Observation {
  return {
    type: 'server_started',
    url: `${printOrigin(origin)} on ${host}:${port}`,
    opsUrl: `http://${opsHost}:${opsPort}`,
    regions: [...regions],
  }
}
