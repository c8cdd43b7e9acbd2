/**
 * Keeps a data folder to one process: two that open the same embedded database lose data silently.
 *
 * The lock is a file that names its holder. It outlives a holder that was killed, so whoever finds it asks
 * whether that process still runs: a pid alone does not tell (it is given again, in a container at every
 * start), the pid with the start time of its process does. Knows files and processes, nothing of databases.
 */
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from './operator-error.ts'

export type DataFolderLock = { release(): void }

/** Who holds a lock. `id` is drawn anew for every lock; `started` is opaque, compared for equality only. */
type Holder = { id: string; pid: number; started: string; host: string }

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const LEFT_OVER = /^lock\.[0-9a-f-]{36}\.new$/
const LEFT_OVER_AFTER_MS = 60_000

/** Makes the folder if need be and takes its lock, or says in an OperatorError who has it. */
export function lockDataFolder(folder: string): DataFolderLock {
  const path = join(folder, 'lock')
  const own = { id: randomUUID(), pid: process.pid, started: startOf(process.pid) ?? '', host: hostname() }
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    removeLeftOvers(folder)
    take(folder, path, own)
  } catch (error) {
    if (error instanceof OperatorError || codeOf(error) === undefined) throw error
    const fault = `The data folder ${folder} cannot be locked (${String(error)}).`
    throw new OperatorError(`${fault} Choose another folder, or make this one writable.`, { cause: error })
  }

  return {
    release() {
      if (findHolder(folder, path)?.id === own.id) fs.rmSync(path, { force: true })
    },
  }
}

/**
 * Puts the own name at `path`, or throws. The name of a dead holder is replaced only by whoever first takes
 * a second lock, named after the id of the dead one: of several that find it at once, one gets that far, and
 * at no moment is the path free for a third. The second lock may have a dead holder as well, hence recursion.
 */
function take(folder: string, path: string, own: Holder) {
  while (!placed(folder, own, (draft) => fs.linkSync(draft, path))) {
    const found = findHolder(folder, path)
    if (found === undefined) continue // released in this moment
    requireGone(folder, path, found)

    const claim = join(folder, `lock.${found.id}`)
    take(folder, claim, own)
    try {
      if (findHolder(folder, path)?.id !== found.id) continue // someone was faster and is done already
      placed(folder, own, (draft) => fs.renameSync(draft, path))
      return
    } finally {
      fs.rmSync(claim, { force: true })
    }
  }
}

/** Writes the whole name beside the path and puts it there in one step, so it is never read half-written. */
function placed(folder: string, own: Holder, put: (draft: string) => void) {
  const draft = join(folder, `lock.${randomUUID()}.new`)
  try {
    fs.writeFileSync(draft, `${JSON.stringify(own)}\n`, { mode: 0o600, flag: 'wx' })
    put(draft)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    fs.rmSync(draft, { force: true })
  }
}

function requireGone(folder: string, path: string, holder: Holder) {
  if (holder.host !== hostname()) {
    throw new OperatorError(
      `The data folder ${folder} is locked by process ${holder.pid} on host ${holder.host}: ` +
        `when that host no longer uses it, delete ${path}.`,
    )
  }
  if (isRunning(holder)) {
    throw new OperatorError(
      `The data folder ${folder} is in use by process ${holder.pid}: stop that process, or choose another folder.`,
    )
  }
}

function findHolder(folder: string, path: string): Holder | undefined {
  let text: string
  try {
    text = fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  const holder = parseHolder(text)
  if (holder !== undefined) return holder
  throw new OperatorError(
    `The lock file ${path} cannot be understood: when no process uses the folder ${folder}, delete that file.`,
  )
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { id, pid, started, host }: Record<string, unknown> = JSON.parse(text)
    // The id becomes part of a file name, and a pid below one would ask about a group of processes.
    if (typeof id !== 'string' || !UUID.test(id) || !Number.isSafeInteger(pid) || Number(pid) < 1)
      return undefined
    if (typeof started !== 'string' || typeof host !== 'string') return undefined
    return { id, pid: Number(pid), started, host }
  } catch {
    return undefined
  }
}

function isRunning({ pid, started }: Holder) {
  const now = startOf(pid)
  if (now !== undefined) return now === started
  try {
    process.kill(pid, 0) // only asks; where the start time is hidden from us, being alive must do
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

/** The start time of a process, `undefined` when there is none or it is hidden, 'ended' when only its exit code is left. */
function startOf(pid: number): string | undefined {
  return process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid)
}

/** proc(5), /proc/pid/stat: field 3 is the state, field 22 the start; field 2 is in brackets and may hold anything. */
function startFromProc(pid: number) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19]
  } catch {
    return undefined
  }
}

function startFromPs(pid: number) {
  try {
    const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env, encoding: 'utf8' })
    const [state = '', ...started] = line.trim().split(/\s+/)
    return state.startsWith('Z') ? 'ended' : started.join(' ') || undefined
  } catch {
    return undefined
  }
}

/** What processes left that were killed between writing their name and putting it in its place. */
function removeLeftOvers(folder: string) {
  for (const name of fs.readdirSync(folder).filter((entry) => LEFT_OVER.test(entry))) {
    const modified = fs.statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - modified > LEFT_OVER_AFTER_MS) fs.rmSync(join(folder, name), { force: true })
  }
}

function codeOf(error: unknown) {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
