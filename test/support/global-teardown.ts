import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readNotedSecrets, runFolder } from './noted-secrets.ts'
import type { TestServer } from './postgres.ts'
import { searchLogs } from './search-logs.ts'

declare global {
  var regentTestPostgres: TestServer | undefined
}

/** Stops the PostgreSQL that the global setup started, if it did; then no log may show a secret (T46). */
export default async function globalTeardown() {
  await globalThis.regentTestPostgres?.stop()
  const folder = runFolder()
  try {
    const secrets = readNotedSecrets(folder)
    const { files, characters, findings } = searchLogs(join(folder, 'logs'), secrets)
    process.stderr.write(
      `Logs: ${files}, of ${characters} characters, searched for ${secrets.length} secrets (T46)\n`,
    )
    if (findings.length > 0) {
      throw new Error(`T46: ${findings.length} findings in logs\n${findings.slice(0, 50).join('\n')}`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
