import type { TestServer } from './postgres.ts'

declare global {
  var regentTestPostgres: TestServer | undefined
}

/** Stops the PostgreSQL that the global setup started, if it did. */
export default async function globalTeardown() {
  await globalThis.regentTestPostgres?.stop()
}
