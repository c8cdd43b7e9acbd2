/**
 * A wall clock that a test sets for a process while it runs: libfaketime, from Debian's package `faketime`. The monotonic
 * clock stays the machine's, as it does where somebody sets the real one.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the program itself would preload, for programs with threads. */
const found = spawnSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'])
const library = found.status === 0 ? found.stdout.toString().trim() : undefined

/** `describe`, or a suite that is skipped and says why. */
export const describeWithFaketime = (title: string, suite: () => void) =>
  library === undefined
    ? describe.skip(`${title} [skipped: no faketime is installed]`, suite)
    : describe(title, suite)

export type FakeClock = ReturnType<typeof openFakeClock>

/** @param ahead seconds */
export function openFakeClock(ahead: number) {
  const folder = mkdtempSync(join(tmpdir(), 'regent-clock-'))
  const file = join(folder, 'offset')
  /** From the next look at the clock on. In one piece: half of a file would be another time. */
  const set = (seconds: number) => {
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    renameSync(`${file}.new`, file)
  }
  set(ahead)
  return {
    set,
    environment: {
      LD_PRELOAD: library ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}
