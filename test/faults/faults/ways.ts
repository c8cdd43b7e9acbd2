/** The ways to the databases, disturbed and mended together; and what becomes of changes meanwhile. */
import type { TcpProxy } from '../../support/tcp-proxy.ts'
import type { Stage } from '../stage.ts'

export async function everyWay(
  { proxies }: Stage,
  disturb: (proxy: TcpProxy) => Promise<void> | void,
): Promise<void> {
  await Promise.all(Object.values(proxies).map(disturb))
}

export async function mendWays({ proxies }: Stage): Promise<void> {
  await Promise.all(Object.values(proxies).map((proxy) => proxy.mend()))
}

/** Tries changes until the time is over. */
export async function changesWhile(stage: Stage, hold: () => Promise<void>) {
  const counts = { made: 0, not: 0, unknown: 0 }
  let over = false
  const time = hold().then(() => (over = true))
  do {
    const outcome = await stage.clerk.make('none')
    if (outcome === 'made') counts.made += 1
    else if (outcome === 'unknown') counts.unknown += 1
    else if (outcome === 'unavailable') counts.not += 1
    await Promise.race([time, new Promise((done) => setTimeout(done, 100))])
  } while (!over)
  return counts
}
