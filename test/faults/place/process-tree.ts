/** Processes and what they started, as /proc of Linux shows them. */
import { readdirSync, readFileSync } from 'node:fs'

/** @returns the process itself and all that came from it, parents first; empty when it is gone */
export function processTree(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  let isThere = false
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = parentOf(name)
    if (parent === undefined) continue
    if (Number(name) === pid) isThere = true
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const below = (one: number): number[] => [one, ...(children.get(one) ?? []).flatMap(below)]
  return isThere ? below(pid) : []
}

/** Sends a signal to the process and to all that came from it. @returns how many got it */
export function signalTree(pid: number, signal: NodeJS.Signals): number {
  return processTree(pid).filter((one) => sendSignal(one, signal)).length
}

/** @returns whether there was somebody to send it to */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** The name in /proc/PID/stat stands in brackets and may hold anything: what follows the last one counts. */
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : Number(parent)
  } catch {
    return undefined
  }
}
