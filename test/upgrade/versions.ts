/** An earlier Regent, checked out and compiled beside this one. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

const git = (...args: readonly string[]) =>
  execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

/**
 * The newest release before this commit; while there is none, the commit before the newest one that added a migration, since two
 * versions with the same schema prove little.
 * @returns undefined where this clone has no such commit
 */
export function findEarlier(): string | undefined {
  try {
    return git('describe', '--tags', '--abbrev=0', 'HEAD^')
  } catch {
    try {
      return git(
        'rev-parse',
        '--verify',
        '--quiet',
        `${git('log', '-1', '--format=%H', '--diff-filter=A', '--find-renames', '--', 'migrations')}^`,
      )
    } catch {
      return undefined
    }
  }
}

/** @returns the path of its program. @param folder where it is put; it takes nothing from this working tree but packages */
export function buildVersion(ref: string, folder: string): string {
  const tree = join(folder, 'earlier')
  mkdirSync(tree)
  execFileSync('sh', ['-c', `git archive "$1" | tar -x -C "$2"`, 'sh', ref, tree])
  const lock = 'package-lock.json'
  const same = readFileSync(lock, 'utf8') === readFileSync(join(tree, lock), 'utf8')
  if (same) symlinkSync(join(process.cwd(), 'node_modules'), join(tree, 'node_modules'))
  else execFileSync('npm', ['ci', '--silent', '--prefer-offline'], { cwd: tree, stdio: ['ignore', 2, 2] })
  execFileSync(
    join(tree, 'node_modules', '.bin', 'tsc'),
    ['--project', 'tsconfig.build.json', '--noCheck', '--declaration', 'false'],
    { cwd: tree, stdio: ['ignore', 2, 2] },
  )
  const program = join(tree, 'dist', 'src', 'main.js')
  if (!existsSync(program)) throw new Error(`${ref} has no program at ${program}`)
  return program
}

/** Short, for people. */
export const nameOf = (ref: string): string => git('log', '-1', '--format=%h, %cs', ref)
