/**
 * Whether the time that a failing authentication takes tells who exists: attempts of each kind, interleaved at random and
 * sent at a steady rate to a server process, and for each two kinds the chance that one of the first took longer than one
 * of the second (the area under the ROC curve): 0.5 tells nothing.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { setClientState } from '../../src/changes/client-changes.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import type { ClientId, CredentialId } from '../../src/ids.ts'
import { encodeForm, openWorld, type Credentials, type WorldWorkspace } from '../support/world.ts'

type Options = {
  /** Attempts of each kind in each workspace. */
  readonly each: number
  readonly clients: number
  /** Attempts a second. */
  readonly rate: number
  readonly onProgress: (line: string) => void
}

type Attempt = {
  readonly kind: string
  readonly workspace: WorldWorkspace
  readonly credentials: () => Credentials
}

const CHOSEN = 'a password of somebody'
const LONG_AGO = 1_000_000_000

export async function measureEnumeration({ each, clients, rate, onProgress }: Options) {
  const world = await openWorld({ regions: ['eu'] })
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/figures/attempts-node.ts', world.urls.login],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const agent = new Agent({ keepAlive: true, maxSockets: 512 })
  try {
    const [port] = await once(child.stdout, 'data')
    const kinds: Attempt[] = []
    for (const chosen of [false, true]) {
      const workspace = await world.workspace(
        `https://${chosen ? 'imported' : 'generated'}.eu.token.example/orders`,
        { chosenSecrets: chosen },
      )
      kinds.push(...(await kindsOf(workspace, chosen, clients)))
      onProgress(`${clients} clients of each kind in ${workspace.host}`)
    }
    const ask = (attempt: Attempt) => timed(agent, Number(String(port)), attempt)
    // Warm: keys, statements and connections are there.
    for (const kind of kinds) await ask(kind)

    const order = kinds.flatMap((kind) => Array.from({ length: each }, () => kind))
    for (let index = order.length - 1; index > 0; index--) {
      const other = Math.floor(Math.random() * (index + 1))
      const [a, b] = [order[index], order[other]]
      if (a !== undefined && b !== undefined) [order[index], order[other]] = [b, a]
    }
    const times = new Map<Attempt, number[]>(kinds.map((kind) => [kind, []]))
    const answers = new Map<string, number>()
    const under: Promise<unknown>[] = []
    const begun = performance.now()
    for (const [index, kind] of order.entries()) {
      const ahead = (index * 1000) / rate - (performance.now() - begun)
      if (ahead > 1) await sleep(ahead)
      under.push(
        ask(kind).then(({ milliseconds, answer }) => {
          times.get(kind)?.push(milliseconds)
          return answers.set(answer, (answers.get(answer) ?? 0) + 1)
        }),
      )
      if (index % 20_000 === 19_999) onProgress(`${index + 1} of ${order.length}`)
    }
    await Promise.all(under)
    const pairs = kinds.flatMap((one, index) =>
      kinds
        .slice(index + 1)
        .filter(({ workspace }) => workspace === one.workspace)
        .map((other) => ({
          workspace: one.workspace.host,
          kinds: `${one.kind} / ${other.kind}`,
          auc: areaUnderCurve(times.get(one) ?? [], times.get(other) ?? []),
        })),
    )
    return { attempts: order.length, answers: [...answers], pairs }
  } finally {
    child.stdin.end()
    await once(child, 'exit')
    agent.destroy()
    await world.close()
  }
}

async function kindsOf(workspace: WorldWorkspace, chosen: boolean, clients: number): Promise<Attempt[]> {
  const make = async (kind: string, expiresAt?: number) => {
    const made = []
    for (let n = 0; n < clients; n++) {
      const secret = { ...(chosen && { chosen: CHOSEN }), ...(expiresAt !== undefined && { expiresAt }) }
      made.push(await workspace.client(`${kind}-${n}`, { secret }))
    }
    return made
  }
  const wrong = await make('wrong')
  const disabled = await make('disabled')
  const expired = await make('expired', LONG_AGO)
  for (const { id } of disabled)
    await setClientState(workspace.change, workspace.workspace, id as ClientId, 'disabled')
  let serial = 0
  const inTurn = <Made>(list: readonly Made[]) => {
    let next = 0
    return () => list[next++ % list.length] as Made
  }
  const [nextWrong, nextDisabled, nextExpired] = [inTurn(wrong), inTurn(disabled), inTurn(expired)]
  const another = (credentialId: string) =>
    chosen ? `${CHOSEN}, not` : generateSecret(credentialId as CredentialId)
  return [
    {
      kind: 'unknown',
      workspace,
      credentials: () => ({ id: `nobody-${serial++}`, secret: another('AAAAAAAAAAAAAAAA') }),
    },
    {
      kind: 'wrong',
      workspace,
      credentials() {
        const { id, credentialId } = nextWrong()
        return { id, secret: another(credentialId) }
      },
    },
    { kind: 'disabled', workspace, credentials: nextDisabled },
    { kind: 'expired', workspace, credentials: nextExpired },
  ]
}

function timed(
  agent: Agent,
  port: number,
  { workspace, credentials }: Attempt,
): Promise<{ milliseconds: number; answer: string }> {
  const { id, secret } = credentials()
  const body = encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret })
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const asked = request({
      agent,
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: `${workspace.path}/oauth2/token`,
      headers: {
        Host: workspace.host,
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': Buffer.byteLength(body),
      },
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      const milliseconds = performance.now() - begun
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => {
        const answer = `${response.statusCode} ${text.replace(/request [\w-]+/, 'request')}`
        resolve({ milliseconds, answer })
      })
    })
    asked.end(body)
  })
}

/** By ranks (Mann and Whitney): ties count half. */
export function areaUnderCurve(ones: readonly number[], others: readonly number[]): number {
  const all = [...ones.map((value) => [value, 1] as const), ...others.map((value) => [value, 0] as const)]
  all.sort(([a], [b]) => a - b)
  let ranks = 0
  for (let index = 0; index < all.length;) {
    let end = index
    while (end < all.length && all[end]?.[0] === all[index]?.[0]) end++
    const rank = (index + 1 + end) / 2
    for (let at = index; at < end; at++) ranks += (all[at]?.[1] ?? 0) * rank
    index = end
  }
  return (ranks - (ones.length * (ones.length + 1)) / 2) / (ones.length * others.length)
}
