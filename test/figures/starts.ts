/** Times a start with a migrated database: from the spawn of the process to the first 200 of /readyz. */
import { performance } from 'node:perf_hooks'
import { openSite } from './site.ts'

/** @returns milliseconds, one for each start */
export async function timeStarts(program: string, count: number): Promise<readonly number[]> {
  const site = await openSite({ program, environment: { REGENT_DRAIN: '0' } })
  const times: number[] = []
  try {
    // The first one warms the caches of the file system and of tsx: it is not counted.
    for (let index = 0; index <= count; index += 1) {
      const before = performance.now()
      const node = await site.startNode()
      if (index > 0) times.push(performance.now() - before)
      node.kill('SIGTERM')
      await node.ended
    }
  } finally {
    await site.close()
  }
  return times
}
