/** Reads what was exported elsewhere. A file with secrets in plain text has to be its owner's alone. */
import { open } from 'node:fs/promises'
import { parse } from 'yaml'
import { OperatorError } from '../../storage/operator-error.ts'

export type ExportFile = {
  readonly file: string
  readonly text: string
  /** Nobody but its owner can read it. */
  readonly isPrivate: boolean
}

/** A realm with its users is long; what is longer than this is no export of clients. */
const MAX_BYTES = 512 * 1024 * 1024

export async function readExport(file: string): Promise<ExportFile> {
  try {
    const handle = await open(file, 'r')
    try {
      // Of the file that is open: another one may have its name by now.
      const { mode, size } = await handle.stat()
      if (size > MAX_BYTES) throw new OperatorError(`${file}: it has more than ${MAX_BYTES >> 20} MB.`)
      return { file, text: await handle.readFile('utf8'), isPrivate: (mode & 0o077) === 0 }
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    const code = (cause as NodeJS.ErrnoException).code ?? 'for a reason unknown'
    throw new OperatorError(`${file}: it cannot be read (${code}).`, { cause })
  }
}

/** @throws OperatorError that says how to mend it */
export function requirePrivate({ file, isPrivate }: ExportFile): void {
  if (isPrivate) return
  throw new OperatorError(
    `${file}: it has secrets in plain text, and others can read it. Make it yours alone first: chmod 600 ${file}`,
  )
}

/** JSON, or YAML. Says nothing of what stands in it: that may be a secret. */
export function parseExport({ file, text }: ExportFile): unknown {
  try {
    return JSON.parse(text)
  } catch {
    try {
      return parse(text, { maxAliasCount: 0, logLevel: 'silent' })
    } catch (cause) {
      const line = (cause as { linePos?: readonly { line: number }[] }).linePos?.[0]?.line
      const where = line === undefined ? '' : ` (line ${line})`
      throw new OperatorError(`${file}: it is neither JSON nor YAML${where}.`)
    }
  }
}
