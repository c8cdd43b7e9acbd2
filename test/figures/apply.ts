/**
 * A file with thousands of clients and their bcrypt hashes: applied by the command line, applied again, exported and applied to another
 * database, exported there; and tokens that are asked for at the server meanwhile.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand, startCommand } from '../support/command.ts'
import { openSite, type Site } from './site.ts'

export type AppliedFigure = {
  readonly what: string
  readonly seconds: number
  /** Peak resident sizes, in bytes; the server's since it started. */
  readonly command: number
  readonly server: number
  /** Of tokens asked for meanwhile, one after the other, in milliseconds. */
  readonly waits: readonly number[]
  readonly ended: string
}

type Environment = Readonly<Record<string, string>>

/** @returns a figure for each step, and whether both exports are the same bytes */
export async function measureApply(
  clients: number,
  program: string,
): Promise<{ readonly figures: readonly AppliedFigure[]; readonly same: boolean }> {
  await import('../../src/cli/localhost-names.ts')
  const folder = mkdtempSync(join(tmpdir(), 'regent-apply-'))
  const figures: AppliedFigure[] = []
  const exported: string[] = []
  try {
    for (const [index, name] of ['one', 'other'].entries()) {
      const site = await openSite({ program })
      try {
        const node = await site.startNode({ PORT: String(site.publicPort) })
        const environment = await loggedIn(site)
        const file = join(folder, 'acme.yaml')
        if (index === 0) writeFileSync(file, fileWith(clients))
        const measure = (what: string, ...args: string[]) =>
          measured(`${name} database: ${what}`, args, environment, site, node.pid, program)
        figures.push(await measure('apply', 'apply', '-f', file, '--yes'))
        figures.push(await measure('apply again', 'apply', '-f', file, '--yes'))
        figures.push(await measure('export', 'export', '--hashes', '-o', file))
        exported.push(readFileSync(file, 'utf8'))
      } finally {
        await site.close()
      }
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return { figures, same: exported[0] === exported[1] }
}

async function loggedIn(site: Site): Promise<Environment> {
  const server = {
    REGENT_ORIGIN: site.origin,
    DATABASE_URL: site.databaseUrl,
    DATABASE_URL_EU: 'default',
    REGENT_MASTER_KEYS: `figures:${Buffer.alloc(32, 9).toString('base64')}`,
    REGENT_BCRYPT_COST: '4',
  }
  const asOperator = credentials(await must(['bootstrap', '--region', 'eu', '--json'], server))
  return credentials(await must(['tenant', 'create', 'figures', '--json'], asOperator))
}

async function must(args: readonly string[], environment: Environment): Promise<string> {
  const { code, out, err } = await runCommand(args, environment)
  if (code !== 0) throw new Error(`regent ${args.join(' ')}: ${err}`)
  return out
}

/** Of whatever shows them: names differ, values do not. */
function credentials(text: string): Environment {
  const found = (pattern: RegExp) => pattern.exec(text)?.[1] ?? ''
  return {
    REGENT_URL: found(/"(?:token_endpoint|tokenEndpoint|issuer)": ?"([^"]+)"/),
    REGENT_CLIENT_ID: found(/"(?:client_id|clientId)": ?"([^"]+)"/),
    REGENT_CLIENT_SECRET: found(/"(rgs_[\w-]+)"/),
  }
}

async function measured(
  what: string,
  args: readonly string[],
  environment: Environment,
  site: Site,
  serverPid: number,
  program: string,
): Promise<AppliedFigure> {
  const before = performance.now()
  const command = startCommand(args, environment, undefined, program)
  let peak = 0
  const state = { over: false }
  void command.ended.then(() => (state.over = true))
  const waits: number[] = []
  while (!state.over) {
    peak = Math.max(peak, peakOf(command.pid))
    waits.push(await askForToken(site))
    await sleep(20)
  }
  if ((await command.ended) !== 0) throw new Error(`${args.join(' ')}: ${command.said.err}`)
  const seconds = (performance.now() - before) / 1000
  const ended = command.said.err.trim().split('\n').at(-1) ?? ''
  return { what, seconds, command: peak, server: peakOf(serverPid), waits, ended }
}

async function askForToken({ client }: Site): Promise<number> {
  const before = performance.now()
  const answer = await fetch(`${client.issuer}/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client.clientId,
      client_secret: client.secret,
    }),
  })
  await answer.arrayBuffer()
  if (answer.status !== 200) throw new Error(`no token meanwhile: ${answer.status}`)
  return performance.now() - before
}

/** Bytes; 0 once it has ended. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Hashes of nothing: of the right form, each another one. */
function fileWith(clients: number): string {
  const head = `regent: 1
tenant: figures
region: eu
workspaces:
  - slug: shop
    chosen_secrets: true
    resource_servers:
      - identifier: https://orders.example
        name: Orders
        scopes:
          - token: read
          - token: write
    clients:
`
  const entries = Array.from({ length: clients }, (_, index) => {
    const salt = index.toString(36).padStart(22, 'a')
    return `      - id: client-${index}
        name: Client number ${index}
        scopes: [read, write]
        credentials:
          - hash: $2b$10$${salt}${'b'.repeat(31)}
            label: imported
`
  })
  return head + entries.join('')
}
