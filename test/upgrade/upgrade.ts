/**
 * `npm run upgrade`: an earlier Regent and this one, side by side on one database, under load, both ways (T69). The earlier one serves; the
 * schema is migrated under it; this one comes beside it, and takes over; then the earlier one comes back, as after an upgrade that
 * was regretted. What is changed through the one is so at the other. Fails when any token does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildProgram } from '../support/built-program.ts'
import { startCommand } from '../support/command.ts'
import { makeRunFolder } from '../support/noted-secrets.ts'
import { createDatabase, freePort, startPostgres } from '../support/postgres.ts'
import { ask, askToken, startLoad, type Client } from './load.ts'
import { buildVersion, findEarlier, nameOf } from './versions.ts'

const { values } = parseArgs({
  options: { from: { type: 'string' }, seconds: { type: 'string', default: '3' } },
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const ORIGIN = 'http://token.example'
const from = values.from ?? findEarlier()
if (from === undefined) {
  say('skipped: this clone has no earlier commit to upgrade from')
  process.exit(0)
}
const held = Number(values.seconds) * 1000
const folder = mkdtempSync(join(tmpdir(), 'regent-upgrade-'))
process.env.REGENT_TEST_RUN = makeRunFolder()
const postgres = await startPostgres()
process.env.REGENT_TEST_POSTGRES = postgres.url
const home = await createDatabase()
const programs = { earlier: buildVersion(from, folder), this: await buildProgram(folder) }
const environment = {
  REGENT_ORIGIN: ORIGIN,
  DATABASE_URL: home.url,
  DATABASE_ADMIN_URL: home.adminUrl,
  REGENT_MASTER_KEYS: `upgrade:${Buffer.alloc(32, 7).toString('base64')}`,
  REGENT_BCRYPT_COST: '4',
  REGENT_DRAIN: '1',
}
type Version = keyof typeof programs
const started = new Set<ReturnType<typeof startCommand>>()

async function run(version: Version, ...args: readonly string[]): Promise<string> {
  const command = startCommand(args, environment, undefined, programs[version])
  if ((await command.ended) !== 0)
    throw new Error(`${version}: regent ${args.join(' ')}: ${command.said.err}`)
  return command.said.out
}

async function serve(version: Version) {
  const port = await freePort()
  const ports = { PORT: String(port), REGENT_OPS_PORT: String(await freePort()) }
  const node = startCommand(['serve'], { ...environment, ...ports }, undefined, programs[version])
  started.add(node)
  await node.says('server_started')
  return {
    port,
    faults: () => node.said.out.split('\n').filter((line) => line.includes('"event":"server_error"')),
    async stop() {
      node.kill('SIGTERM')
      const code = await node.ended
      if (code !== 0) throw new Error(`${version} ended with ${code}`)
    },
  }
}

/** Until it is so, for two seconds: what is changed at one node is known to all within one. */
async function becomes(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    if (await isSo()) return
    await sleep(50)
  }
  throw new Error(`two seconds later it is not so: ${what}`)
}

const TENANT = ORIGIN.replace('//', '//acme.')

async function tokenOf(port: number, client: Client): Promise<string> {
  const { status, body } = await askToken(port, client)
  if (status !== 200) throw new Error(`no token for ${client.clientId}: ${status} ${body}`)
  return (JSON.parse(body) as { access_token: string }).access_token
}

/** A call of administration, with what it answered; whatever is refused is a fault of the upgrade. */
async function call(port: number, bearer: string, method: string, url: string, json?: object) {
  const { status, body } = await ask(port, url, { method, bearer, ...(json && { json }) })
  if (status >= 300) throw new Error(`${method} ${url}: ${status} ${body}`)
  return (body === '' ? {} : JSON.parse(body)) as Record<string, string> & {
    administrator?: { client_id: string; client_secret: string }
  }
}

/** By the API alone, as whoever upgrades has done it. */
async function furnish(port: number) {
  const [operator] = JSON.parse(await run('earlier', 'bootstrap', '--json')) as [Client]
  const bearer = await tokenOf(port, operator)
  const { administrator } = await call(port, bearer, 'POST', `${ORIGIN}/api/system/tenants`, { slug: 'acme' })
  const admin: Client = {
    issuer: `${TENANT}/acme/admin`,
    clientId: administrator?.client_id ?? '',
    secret: administrator?.client_secret ?? '',
  }
  const own = await tokenOf(port, admin)
  const api = `${TENANT}/api/admin/acme/workspaces`
  await call(port, own, 'POST', api, { slug: 'shop' })
  await call(port, own, 'POST', `${api}/shop/resource-servers`, {
    identifier: 'https://orders.example',
    name: 'Orders',
    scopes: { read: 'read orders' },
  })
  await call(port, own, 'POST', `${api}/shop/clients`, { id: 'robot', name: 'Robot', scopes: ['read'] })
  const { secret = '' } = await call(port, own, 'POST', `${api}/shop/clients/robot/credentials`, {})
  return { admin, robot: { issuer: `${TENANT}/acme/shop`, clientId: 'robot', secret } }
}

/** A secret made, and revoked, through one node: both know. */
async function changeThrough(port: number, all: readonly number[], admin: Client): Promise<void> {
  const bearer = await tokenOf(port, admin)
  const robot = `${TENANT}/api/admin/acme/workspaces/shop/clients/robot`
  const { id, secret = '' } = await call(port, bearer, 'POST', `${robot}/credentials`, { label: 'upgrade' })
  const client = { issuer: `${TENANT}/acme/shop`, clientId: 'robot', secret }
  const answers = (status: number) => async (one: number) =>
    becomes(`${status} at ${one} for what was changed at ${port}`, async () => {
      return (await askToken(one, client)).status === status
    })
  await Promise.all(all.map(answers(200)))
  await call(port, bearer, 'DELETE', `${robot}/credentials/${id}`)
  await Promise.all(all.map(answers(401)))
}

async function story(): Promise<boolean> {
  say(`from ${from === undefined ? '' : nameOf(from)}, to this working tree`)
  await run('earlier', 'migrate', 'roles')
  await run('earlier', 'migrate', 'up')
  const old = await serve('earlier')
  const { admin, robot } = await furnish(old.port)
  const load = startLoad(robot, 4, 100)
  const step = async (what: string, work: () => Promise<unknown>) => {
    const before = load.tokens()
    await work()
    await sleep(held)
    say(`${what}: ${load.tokens() - before} tokens`)
  }
  await load.use(old.port)
  await step('the earlier one alone', async () => {})
  await step('the schema is migrated under it', async () => {
    const ran = JSON.parse(await run('this', 'migrate', 'up', '--json')) as [{ ran: readonly string[] }]
    say(`  ran ${ran[0].ran.join(', ') || 'nothing: both have the same schema'}`)
  })
  const next = await serve('this')
  await step('both', async () => {
    const both = [old.port, next.port]
    await load.use(...both)
    await changeThrough(old.port, both, admin)
    await changeThrough(next.port, both, admin)
  })
  await step('this one alone', async () => {
    await load.use(next.port)
    await old.stop()
    await changeThrough(next.port, [next.port], admin)
  })
  const back = await serve('earlier')
  await step('both, the earlier one anew', async () => {
    const both = [next.port, back.port]
    await load.use(...both)
    await changeThrough(back.port, both, admin)
  })
  await step('the earlier one alone, on the newer schema', async () => {
    await load.use(back.port)
    await next.stop()
    await changeThrough(back.port, [back.port], admin)
  })
  await load.stop()
  await back.stop()
  const failures = Object.entries(load.failures())
  const faults = [old, next, back].flatMap((node) => node.faults())
  for (const [failure, count] of failures) say(`FAILED ${count} times: ${failure}`)
  for (const fault of faults) say(`FAULT ${fault}`)
  say(`${load.tokens()} tokens, each verified by the keys of every node; failed: ${failures.length}`)
  return failures.length === 0 && faults.length === 0 && load.tokens() > 0
}

let isRight = false
try {
  isRight = await story()
} finally {
  for (const node of started) node.kill('SIGKILL')
  await Promise.all([...started].map(({ ended }) => ended))
  await home.drop()
  await postgres.stop()
  rmSync(folder, { recursive: true })
  rmSync(process.env.REGENT_TEST_RUN, { recursive: true })
}
process.exit(isRight ? 0 : 1)
