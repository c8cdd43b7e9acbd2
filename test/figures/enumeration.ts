/**
 * Whether a failing authentication tells who exists: attempts of each kind, in random order, over kept connections to a
 * server process, in a workspace with secrets that Regent generated and in one with imported ones. For each two kinds the
 * chance that one of the first took longer than one of the second, beside what the same kind, split in two, says by chance;
 * and every answer, byte for byte.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { setClientState } from '../../src/changes/client-changes.ts'
import { generateSecret } from '../../src/clients/secret.ts'
import { newCredentialId, type ClientId, type CredentialId } from '../../src/ids.ts'
import { pooled } from '../server/raw.ts'
import { encodeForm, openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'
import { throughLanes, type Timed } from './lanes.ts'
import {
  areaUnderCurve,
  chanceDistance,
  halves,
  largestDistance,
  median,
  shuffled,
  standardError,
} from './ranks.ts'

type Options = {
  /** Attempts of each kind in each workspace. */
  readonly each: number
  /** Of each kind in each workspace; an id is asked for in turn, so that none comes twice a second. */
  readonly clients: number
  /** Attempts under way at most, of each tenant: its line of comparisons holds 25, and nobody may be sent away from it. */
  readonly lanes: number
  /** After which no more is sent, whatever `each` says. */
  readonly minutes: number
  /** Milliseconds, at most, between an answer and the next request of its lane. */
  readonly rest: number
  readonly onProgress: (line: string) => void
}

type Kind = {
  readonly kind: string
  readonly workspace: string
  /** One request of each client, as bytes of one length for all kinds. */
  readonly requests: readonly Buffer[]
}
type Attempt = { readonly of: Kind; readonly bytes: Buffer }

export type Comparison = {
  readonly workspace: string
  readonly kinds: string
  readonly area: number
  /** Of the area, by chance alone. */
  readonly error: number
  readonly distance: number
  /** What the distance is beyond once in a hundred, by chance alone. */
  readonly chance: number
}

const RIGHT = 'a password of somebody'
const WRONG = 'a password of nobody..'
const SECRETS = ['generated', 'imported'] as const
const KINDS = ['unknown', 'wrong', 'disabled', 'expired'] as const

export async function measureEnumeration({ each, clients, lanes, rest, minutes, onProgress }: Options) {
  const world = await openWorld({ regions: ['eu'] })
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/figures/attempts-node.ts', world.urls.login],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  try {
    const [said] = await once(child.stdout, 'data')
    const port = Number(String(said))
    const kinds: Kind[] = []
    for (const secrets of SECRETS) {
      kinds.push(...(await kindsOf(world, secrets, clients, port)))
      onProgress(`${clients} clients of each kind in the workspace with ${secrets} secrets`)
    }
    const times = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]))
    const answers = new Map<string, Map<string, number>>()
    let done = 0
    const take = ({ of }: Attempt, timed: Timed) => {
      times.get(of)?.push(timed.milliseconds)
      const ways = answers.get(timed.answer) ?? new Map<string, number>()
      const way = `${of.workspace}, ${of.kind}`
      answers.set(timed.answer, ways.set(way, (ways.get(way) ?? 0) + 1))
      if (++done % 10_000 === 0) onProgress(`${done} of ${kinds.length * each}`)
    }
    const until = performance.now() + minutes * 60_000
    await Promise.all(
      SECRETS.map((secrets) => {
        const own = kinds.filter(({ workspace }) => workspace === secrets)
        return throughLanes({ port, lanes, rest }, inRandomOrder(own, each, until), take)
      }),
    )
    const taken = kinds.map((kind) => ({ ...kind, times: times.get(kind) ?? [] }))
    return {
      attempts: done,
      answers: [...answers].map(([answer, ways]) => ({ answer, ways: Object.fromEntries(ways) })),
      medians: taken.map(({ kind, workspace, times: list }) => ({ kind, workspace, median: median(list) })),
      pairs: taken.flatMap((one, index) =>
        taken
          .slice(index + 1)
          .filter(({ workspace }) => workspace === one.workspace)
          .map((other) => compared(one.workspace, `${one.kind} / ${other.kind}`, one.times, other.times)),
      ),
      controls: taken.map(({ kind, workspace, times: list }) =>
        compared(workspace, `${kind}, split in two`, ...halves(list)),
      ),
    }
  } finally {
    child.stdin.end()
    await once(child, 'exit')
    await world.close()
  }
}

function compared(workspace: string, kinds: string, ones: number[], others: number[]): Comparison {
  return {
    workspace,
    kinds,
    area: areaUnderCurve(ones, others),
    error: standardError(ones.length, others.length),
    distance: largestDistance(ones, others),
    chance: chanceDistance(ones.length, others.length),
  }
}

/** Rounds in which each kind comes once: what drifts while it is measured meets all of them alike. */
function* inRandomOrder(kinds: readonly Kind[], each: number, until: number): Generator<Attempt> {
  for (let round = 0; round < each && performance.now() < until; round++)
    for (const of of shuffled(kinds)) {
      const bytes = of.requests[round % of.requests.length]
      if (bytes !== undefined) yield { of, bytes }
    }
}

/** Seconds that a secret which is to be found expired is used within. */
const LIFE = 20

/**
 * Everybody who exists has had a token before it fails: what that leaves behind, digests of imported secrets among it, is
 * there. The ids tell nothing of the kind, nor does the length of a request.
 */
async function kindsOf(
  world: World,
  secrets: (typeof SECRETS)[number],
  clients: number,
  port: number,
): Promise<Kind[]> {
  const imported = secrets === 'imported'
  const workspace = await world.workspace(`https://${secrets}.eu.token.example/orders`, {
    chosenSecrets: imported,
  })
  const makeAndUse = async (kind: (typeof KINDS)[number], id: string) => {
    if (kind === 'unknown') return { id, credentialId: newCredentialId(), secret: '' }
    const expiresAt = Math.ceil(Date.now() / 1000) + LIFE
    const client = await workspace.client(id, {
      secret: { ...(imported && { chosen: RIGHT }), ...(kind === 'expired' && { expiresAt }) },
    })
    await throughLanes(
      { port, lanes: 1, rest: 0 },
      [{ bytes: asked(workspace, client) }],
      (_, { answer }) => {
        if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`no token before it fails: ${answer}`)
      },
    )
    if (kind === 'disabled')
      await setClientState(workspace.change, workspace.workspace, id as ClientId, 'disabled')
    return client
  }
  const free = shuffled(Array.from({ length: KINDS.length * clients }, (_, n) => `client-${10_000 + n}`))
  const made = new Map<string, Awaited<ReturnType<typeof makeAndUse>>[]>()
  for (const kind of KINDS) {
    const own: Awaited<ReturnType<typeof makeAndUse>>[] = []
    await pooled(free.splice(0, clients), async (id) => void own.push(await makeAndUse(kind, id)), 8)
    made.set(kind, own)
  }
  await sleep((LIFE + 1) * 1000)

  const another = (id: string) => (imported ? WRONG : generateSecret(id as CredentialId))
  return [...made].map(([kind, own]) => ({
    kind,
    workspace: secrets,
    requests: own.map(({ id, credentialId, secret }) => {
      const isRight = kind === 'disabled' || kind === 'expired'
      return asked(workspace, { id, secret: isRight ? secret : another(credentialId) })
    }),
  }))
}

function asked({ host, path }: WorldWorkspace, { id, secret }: Credentials): Buffer {
  const body = encodeForm({ grant_type: 'client_credentials', client_id: id, client_secret: secret })
  const lines = [
    `POST ${path}/oauth2/token HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
