/** A disk of its own for the databases, small enough to be filled: a tmpfs, where this user may mount one. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Reaper } from './reaper.ts'

export type Disk = ReturnType<typeof mountDisk>

/** @returns whether it is a disk of its own; where it cannot be, it is a plain folder that must not be filled */
export function mountDisk(folder: string, megabytes: number, reaper: Reaper) {
  mkdirSync(folder, { mode: 0o755 })
  const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', folder]
  const { status, stderr, error } = spawnSync('mount', options, { encoding: 'utf8' })
  const isOwn = status === 0
  if (isOwn) reaper.mount(folder)
  const ballast = join(folder, 'ballast')

  return {
    folder,
    isOwn,
    /** Why it is not. */
    reason: isOwn ? undefined : `no tmpfs can be mounted here (${(error?.message ?? stderr).trim()})`,

    /** @returns how many bytes it took */
    fill(): number {
      if (!isOwn) throw new Error('this disk is not ours to fill')
      const file = openSync(ballast, 'w')
      let written = 0
      try {
        for (const size of [1 << 20, 4096]) {
          const block = Buffer.alloc(size)
          while (tryWrite(file, block)) written += size
        }
      } finally {
        closeSync(file)
      }
      return written
    },

    empty: () => rmSync(ballast, { force: true }),
  }
}

function tryWrite(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) === block.length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    return false
  }
}
