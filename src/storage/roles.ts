/**
 * The three roles without login that everything in the database belongs to or is done by. They belong to the
 * cluster, not to a database, so they are made before migrations, survive two databases making them at once, and
 * are dropped by nobody.
 */
import type { PoolClient } from 'pg'
import { OperatorError } from './operator-error.ts'
import { sqlState } from './transaction.ts'

const ROLES = {
  regent_owner: 'owns the tables; migrations act as it',
  regent_runtime: 'serves requests; sees the rows of one tenant at a time',
  regent_operator: 'serves the operator API, chores and the change feed',
} as const
type Role = keyof typeof ROLES

export type RoleStep = { readonly statement: string; readonly done: boolean }

/** The statements for a database administrator to run by hand. `migrator` and `server` are login roles. */
export function printRoles(migrator: string, server: string): string {
  return [
    ...Object.entries(ROLES).map(([role, purpose]) => `-- ${purpose}\n${createRole(role)};`),
    `-- whom DATABASE_ADMIN_URL names`,
    `${grantRole('regent_owner', migrator)};`,
    `-- whom DATABASE_URL names: it must be NOINHERIT and own nothing`,
    ...(['regent_runtime', 'regent_operator'] as const).map((role) => `${grantRole(role, server)};`),
  ].join('\n')
}

/**
 * Makes what is missing.
 * @param client a connection that may create roles
 * @param server the login role that the server uses
 * @returns every statement, and whether it had to be run
 */
export async function createRoles(client: PoolClient, server: string): Promise<readonly RoleStep[]> {
  if (!(await exists(client, server))) {
    throw new OperatorError(
      `The login '${server}' of DATABASE_URL does not exist: create it (create role ${quoted(server)} login noinherit password '...'), then run this again.`,
    )
  }
  const steps: RoleStep[] = []
  const step = async (statement: string, missing: boolean) => {
    if (missing) await runOnce(client, statement)
    steps.push({ statement, done: missing })
  }
  for (const role of Object.keys(ROLES) as Role[]) {
    await step(createRole(role), !(await exists(client, role)))
  }
  const { rows } = await client.query<{ current_user: string }>('select current_user')
  const grants: readonly [Role, string][] = [
    ['regent_owner', rows[0]?.current_user ?? ''],
    ['regent_runtime', server],
    ['regent_operator', server],
  ]
  for (const [role, login] of grants)
    await step(grantRole(role, login), !(await maySetRole(client, login, role)))
  return steps
}

/**
 * The login of the server must gain nothing by itself: with inherited rights, one forgotten role line would read
 * every tenant.
 * @returns a warning where the login is a superuser, which needs no grants: there only the code's role lines isolate
 */
export async function requireHarmlessLogin(client: PoolClient): Promise<string | undefined> {
  const { rows } = await client.query<{ login: string; superuser: boolean }>(
    `select rolname as login, rolsuper as superuser from pg_roles where rolname = current_user`,
  )
  const { login = '', superuser = false } = rows[0] ?? {}
  if (superuser) {
    return `The database login ${login} is a superuser: fine for trying out, but give a server a login of its own that is NOINHERIT and owns nothing.`
  }
  for (const role of ['regent_runtime', 'regent_operator'] as const) {
    if (!(await maySetRole(client, login, role))) {
      throw new OperatorError(
        `The database login ${login} may not act as ${role}: run 'regent migrate roles'.`,
      )
    }
  }
  const inherits = await client.query<{ role: string }>(
    `select rolname as role from pg_roles where rolname = any($1) and pg_has_role(current_user, oid, 'usage')`,
    [Object.keys(ROLES)],
  )
  const [inherited] = inherits.rows
  if (inherited) {
    throw new OperatorError(
      `The database login ${login} inherits the rights of ${inherited.role}: make it NOINHERIT (alter role "${login}" noinherit; on PostgreSQL 16 and later also grant ${inherited.role} to "${login}" with inherit false), or let Regent use another login.`,
    )
  }
  return undefined
}

async function maySetRole(client: PoolClient, login: string, role: Role): Promise<boolean> {
  if (!(await exists(client, role))) return false
  // Since PostgreSQL 16 a member may lack the right to set the role; before, each member has it.
  const { rows } = await client.query<{ may: boolean }>(
    `select pg_has_role($1::name, $2::name, case when current_setting('server_version_num')::int >= 160000
       then 'set' else 'member' end) as may`,
    [login, role],
  )
  return rows[0]?.may === true
}

async function exists(client: PoolClient, role: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role])
  return rowCount !== 0
}

/** Another migrator may have been faster: 42710 the role exists, 23505 it came to exist in this moment. */
async function runOnce(client: PoolClient, statement: string): Promise<void> {
  try {
    await client.query(statement)
  } catch (error) {
    const state = sqlState(error)
    if (state === '42501') {
      throw new OperatorError(
        `The login of DATABASE_ADMIN_URL may not run '${statement}': let a database administrator run what 'regent migrate roles --print' prints.`,
        { cause: error },
      )
    }
    if (state !== '42710' && state !== '23505') throw error
  }
}

function createRole(role: string): string {
  return `create role ${role} nologin`
}

function grantRole(role: Role, login: string): string {
  return `grant ${role} to ${quoted(login)}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
