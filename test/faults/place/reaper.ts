/**
 * Ends what the bench leaves behind: a process of its own that reads names of processes, mounts and folders from a pipe
 * and, when the pipe ends, kills, unmounts and removes them. The pipe ends when the bench ends, in whatever way.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { processTree, sendSignal } from './process-tree.ts'

export type Reaper = ReturnType<typeof startReaper>

type Name = 'process' | 'ended' | 'mount' | 'folder'

export function startReaper() {
  const program = `${process.cwd()}/test/faults/place/reaper.ts`
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    detached: true, // Ctrl-C in the terminal is for the bench, which then ends the pipe
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin.on('error', () => {})
  const exited = once(child, 'exit')
  const tell = (name: Name, value: string | number) => void child.stdin.write(`${name} ${value}\n`)

  return {
    /** To be killed, with all that comes from it, unless it ends before. */
    process: (pid: number) => tell('process', pid),
    ended: (pid: number) => tell('ended', pid),
    mount: (path: string) => tell('mount', path),
    folder: (path: string) => tell('folder', path),
    /** Reaps now, and waits for it. */
    async reap() {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await exited
    },
  }
}

async function reapAtTheEnd(): Promise<void> {
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
  for (let tries = 0; tries < 100 && trees.some((pid) => processTree(pid).length > 0); tries++)
    await sleep(50)
  for (const path of named.mount) spawnSync('umount', [path])
  for (const path of named.folder) rmSync(path, { recursive: true, force: true })
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).pathname.endsWith('/place/reaper.ts')) {
  await reapAtTheEnd()
}
