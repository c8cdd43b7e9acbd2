/**
 * Starts the command line from a clone: installs what is missing, then runs src/main.ts in this very process. One
 * process, so that one Ctrl-C is one signal, and a signal to npm reaches what works. Plain JavaScript: it runs before
 * anything is installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OLDEST = [20, 19]
const root = fileURLToPath(new URL('..', import.meta.url))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  fail(
    `Regent needs Node ${OLDEST.join('.')} or later, and this is ${process.versions.node}: install a newer Node.`,
  )
}
if (!isInstalled()) {
  process.stderr.write('Installing the packages that Regent uses; this takes up to a minute, once.\n')
  const { status } = spawnSync('npm', ['install', '--no-progress', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) fail('The packages could not be installed: what npm says of it stands above.')
}

const { register } = await import('tsx/esm/api')
register()
await import('../src/main.ts')

/** npm writes the hidden lock file last; when it is older than ours, a package may be missing or stale. */
function isInstalled() {
  const installed = `${root}node_modules/.package-lock.json`
  if (!existsSync(installed)) return false
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version,
  )
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}
