/** The program of reaper.ts: a line for each process, mount and folder; when there are no more lines, they go. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { processTree, sendSignal } from './process-tree.ts'
import type { Name } from './reaper.ts'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
const named: Record<Exclude<Name, 'ended'>, string[]> = { process: [], mount: [], folder: [] }
for await (const line of createInterface(process.stdin)) {
  const [name = '', ...rest] = line.split(' ')
  const value = rest.join(' ')
  if (name === 'ended') named.process = named.process.filter((pid) => pid !== value)
  else named[name as keyof typeof named].push(value)
}
const trees = named.process.flatMap((pid) => processTree(Number(pid)))
// A stopped process dies of SIGKILL all the same; what it started is found before it is gone.
for (const pid of trees) sendSignal(pid, 'SIGKILL')
for (let tries = 0; tries < 100 && trees.some((pid) => processTree(pid).length > 0); tries++) await sleep(50)
for (const path of named.mount) spawnSync('umount', [path])
for (const path of named.folder) rmSync(path, { recursive: true, force: true })
