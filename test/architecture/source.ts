/** The source as text, for tests that hold the house to its own rules. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, resolve } from 'node:path'

const root = resolve(__dirname, '../..')

export type SourceFile = {
  /** From the project's root, with slashes. */
  readonly path: string
  /** `src/keys/sign.ts` is in `keys`; `src/ids.ts` in `ids.ts`. */
  readonly room: string
  readonly text: string
  /** Modules of the project that it imports, types too, as paths from the root. */
  readonly imports: readonly string[]
  /** Packages and modules of Node's. */
  readonly packages: readonly string[]
}

export function readSource(folder = 'src'): readonly SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFile(join(folder, name)))
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function readFile(path: string): SourceFile {
  const text = readText(path)
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    ([, specifier = '']) => specifier,
  )
  return {
    path,
    room: relative('src', path).split('/')[0] ?? '',
    text,
    imports: specifiers
      .filter((name) => name.startsWith('.'))
      .map((name) => normalize(join(dirname(path), name))),
    packages: specifiers.filter((name) => !name.startsWith('.')),
  }
}
