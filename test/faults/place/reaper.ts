/**
 * Ends what the bench leaves behind: reap.ts, a process of its own, is told of processes, mounts and folders through a
 * pipe and, when the pipe ends, kills, unmounts and removes them. It ends when the bench ends, in whatever way.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export type Reaper = ReturnType<typeof startReaper>

export type Name = 'process' | 'ended' | 'mount' | 'folder'

export function startReaper() {
  const program = `${process.cwd()}/test/faults/place/reap.ts`
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
