/**
 * Gives the whole run one PostgreSQL: the one at TEST_DATABASE_URL (the login of a superuser), else one that
 * is started here. The workers find it in REGENT_TEST_POSTGRES.
 */
import { startPostgres, type TestServer } from './postgres.ts'

declare global {
  // Jest loads setup and teardown apart; `var` is how TypeScript declares a property of globalThis.
  var regentTestPostgres: TestServer | undefined
}

export default async function globalSetup() {
  const given = process.env.TEST_DATABASE_URL
  if (given) {
    process.env.REGENT_TEST_POSTGRES = given
    return
  }
  globalThis.regentTestPostgres = await startPostgres()
  process.env.REGENT_TEST_POSTGRES = globalThis.regentTestPostgres.url
}
