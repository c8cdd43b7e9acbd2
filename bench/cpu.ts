/** What processes cost, from /proc (proc_pid_stat(5), proc_pid_status(5)): Linux only. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const CLOCK_TICKS_A_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const UTIME = 11
const STIME = 12
const PARENT = 1
const CUTIME = 13
const CSTIME = 14

/** A process and all its descendants, as they are now. */
export function processTree(root: number): readonly number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statOf(Number(name)) : undefined
    if (fields !== undefined) parents.set(Number(name), Number(fields[PARENT]))
  }
  const tree = [root]
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  return tree
}

/** Microseconds of CPU, user and system, all threads, since each began. Counted by the kernel in ticks of 10 ms. */
export function cpuMicros(pids: readonly number[]): number {
  const ticks = pids.reduce((sum, pid) => {
    const fields = statOf(pid)
    return sum + Number(fields?.[UTIME] ?? 0) + Number(fields?.[STIME] ?? 0)
  }, 0)
  return (ticks / CLOCK_TICKS_A_SECOND) * 1e6
}

/** Microseconds of CPU of those children of a process that have ended, and whom it has waited for. */
export function endedChildrenMicros(pid: number): number {
  const fields = statOf(pid)
  return ((Number(fields?.[CUTIME] ?? 0) + Number(fields?.[CSTIME] ?? 0)) / CLOCK_TICKS_A_SECOND) * 1e6
}

export function parentOf(pid: number): number {
  return Number(statOf(pid)?.[PARENT] ?? 0)
}

/** Resident bytes. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '') ?? []
    return sum + Number(kilobytes) * 1024
  }, 0)
}

/** Keeps a process on one core where there are several; where `taskset` is missing, nothing is kept. */
export function pin(pid: number, core: number): void {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    // Unpinned: noisier, not wrong.
  }
}

/** The fields after the name, which may hold anything. */
function statOf(pid: number): readonly string[] | undefined {
  const text = read(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
