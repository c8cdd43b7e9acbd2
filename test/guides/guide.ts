/**
 * A guide, done as its reader would: its blocks of `sh` in one shell, in a folder of their own, in the order in which they stand
 * there, and what they print beside what the guide shows. `…` in the guide stands for anything in a line, and alone in a line for lines.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readText } from '../architecture/source.ts'
import { CLONE } from '../support/command.ts'
import { noteEnvironment } from '../support/noted-secrets.ts'

/** `describe`, or a suite that is skipped and says why. */
export function describeWith(programs: readonly string[], title: string, suite: () => void): void {
  const missing = programs.find((program) => spawnSync('which', [program]).status !== 0)
  if (missing === undefined) describe(title, suite)
  else describe.skip(`${title} [skipped: no ${missing} is installed]`, suite)
}

export type Block = { readonly language: string; readonly text: string }

/** The fenced blocks of a page. */
export function readBlocks(name: string): readonly Block[] {
  return [...readText(`docs/guides/${name}.md`).matchAll(/^```(\w*)\n([^]*?)^```/gm)].map(
    ([, language = '', text = '']) => ({ language, text }),
  )
}

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string }
export type Shell = ReturnType<typeof openShell>

/**
 * @param replaced texts of the guide that are others here: hosts, ports, passwords
 * @param environment of the shell, beside PATH
 */
export function openShell(
  replaced: readonly (readonly [string | RegExp, string])[],
  environment: Readonly<Record<string, string>> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'regent-guide-'))
  const program = resolve(process.cwd(), process.env.REGENT_TEST_PROGRAM ?? CLONE)
  // `npm run regent -- ...` and `regent ...` are what the run has compiled.
  writeFileSync(join(folder, 'npm'), `#!/bin/sh\nshift 3\nexec "${process.execPath}" "${program}" "$@"\n`)
  writeFileSync(join(folder, 'regent'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`)
  for (const name of ['npm', 'regent']) chmodSync(join(folder, name), 0o755)
  noteEnvironment(environment)
  // What one block exports, the next one has.
  const kept = join(folder, '.environment')
  writeFileSync(kept, '')

  const translate = (text: string) => replaced.reduce((sum, [from, to]) => sum.replaceAll(from, to), text)

  return {
    folder,

    /** A text of the guide, as it reads here. */
    translate,

    async run(block: string): Promise<Ran> {
      const script = `set -euo pipefail\n. '${kept}'\n${translate(block)}\nexport -p > '${kept}'\n`
      const child = spawn('bash', ['-c', script], {
        cwd: folder,
        env: { PATH: `${folder}:${process.env.PATH}`, HOME: folder, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const said = { out: '', err: '' }
      child.stdout.setEncoding('utf8').on('data', (part: string) => (said.out += part))
      child.stderr.setEncoding('utf8').on('data', (part: string) => (said.err += part))
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, ...said }
    },

    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Does a guide block by block; what a block prints is held to what the guide shows behind it. */
export function readerOf(name: string, shell: Shell) {
  const blocks = readBlocks(name)
  let next = 0
  return {
    /** The next block of `sh`. @returns what it printed */
    async follow(): Promise<string> {
      next = blocks.findIndex(({ language }, index) => index >= next && language === 'sh') + 1
      const { code, out, err } = await shell.run(blocks[next - 1]?.text ?? 'echo no such block >&2; exit 9')
      expect([code, code === 0 ? '' : err]).toEqual([0, ''])
      const shown = blocks[next]
      if (shown?.language === 'text')
        expect(evenly(`${out.trimEnd()}\n`)).toMatch(shownAs(evenly(shell.translate(shown.text))))
      return out
    },
    /** How many blocks of `sh` are still to be done. */
    left: () => blocks.slice(next).filter(({ language }) => language === 'sh').length,
  }
}

/** What was printed, as the guide shows it. */
export function shownAs(shown: string): RegExp {
  const lines = shown
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '…' ? '(?:.*\n)*?' : `${line.split('…').map(quoted).join('.*')}\n`))
  return new RegExp(`^${lines.join('')}$`)
}

/** Columns of tables are as wide as what stands in them. */
const evenly = (text: string) => text.replaceAll(/ {2,}/g, '  ')

function quoted(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
