/** Starts writer.ts and reads what it says. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Reaper } from './reaper.ts'
import type { Task } from './writer.ts'

export type Writer = Awaited<ReturnType<typeof startWriter>>

const DEADLINE_MS = 60_000

/** @returns when it has said its first line */
export async function startWriter(task: Task, reaper: Reaper) {
  const args = ['--import', 'tsx', 'test/faults/place/writer.ts', JSON.stringify(task)]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  if (child.pid !== undefined) reaper.process(child.pid)
  const ended = once(child, 'close').then(() => child.pid !== undefined && reaper.ended(child.pid))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  for (const deadline = Date.now() + DEADLINE_MS; !said.includes('\n'); await sleep(20)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('the writer wrote nothing')
  }

  return {
    /** Kills it in the middle of whatever it does. @returns what it was acknowledged */
    async kill() {
      child.kill('SIGKILL')
      await ended
      // A line that was cut off was not read by anybody.
      const lines = said.slice(0, said.lastIndexOf('\n')).split('\n')
      return lines.map((line) => ({ id: line.split(' ')[0] ?? '', feedNumber: Number(line.split(' ')[1]) }))
    },
  }
}
