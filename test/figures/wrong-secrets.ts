/**
 * A flood of wrong secrets at some tenants of a node: half in the form that Regent generates, half in that of imported ones,
 * at client ids that are there and at ids that nobody has, from several addresses. Meanwhile clients of those tenants and
 * of a calm one, known to the node, ask for tokens, and imported clients of the calm one ask for the first time.
 */
import { callersOf, steadily, tally, type Callers } from './callers.ts'
import { residentBytes } from './flood.ts'
import { openPlanting, type PlantedClient } from './planting.ts'
import { openSite, type Site } from './site.ts'
import { ATTACKERS, wrongAttempts, type Flooded } from './wrong-attempts.ts'

type Options = {
  readonly seconds: number
  /** Wrong secrets a second. */
  readonly rate: number
  /** Imported clients of the calm tenant that ask for the first time, a second; of a flooded one, half as many. */
  readonly cold: number
  /** That are flooded. */
  readonly tenants: number
  /** Clients of each kind that are known. */
  readonly each: number
  readonly bcryptCost: number
  /** Milliseconds; for a machine that others use too. */
  readonly databaseTimeout?: number
  readonly onProgress?: (line: string) => void
}

const FLOODED = 'flooded tenant'
const OWN_PEER = '127.0.1.1'
/** Requests of known clients a second, together. */
const KNOWN_RATE = 25

export async function floodWithWrongSecrets(options: Options) {
  const { seconds, rate, onProgress = () => {} } = options
  const site = await openSite({
    environment: {
      REGENT_BCRYPT_COST: String(options.bcryptCost),
      REGENT_DRAIN: '0',
      LOG_LEVEL: 'info',
      REGENT_DB_TIMEOUT: String(options.databaseTimeout ?? 1000),
    },
  })
  let callers: Callers | undefined
  try {
    const planted = await plant(site, options)
    const node = await site.startNode()
    callers = callersOf(node.port)
    const { ask, askRight } = callers
    const known = planted.known.map((client) => ({ ...client, answers: tally() }))
    for (const { client } of known) {
      const first = await askRight(OWN_PEER, client)
      if (first.status !== 200) throw new Error(`nothing is known yet: ${first.status} ${first.text}`)
    }
    onProgress(
      `${known.length} clients are known, ${planted.coldOfCalm.length + planted.coldOfFlooded.length} are not`,
    )

    const resident = [residentBytes(node.pid)]
    const flood = tally()
    const cold = { 'the calm tenant': tally(), 'the flooded tenant': tally() }
    const askCold = async (client: PlantedClient | undefined, answers: ReturnType<typeof tally>) => {
      if (client === undefined) return
      const answer = await askRight(OWN_PEER, client).catch(asText)
      answers.add(typeof answer === 'string' ? answer : String(answer.status))
    }
    const begun = performance.now()
    const times: number[] = []
    const nextWrong = wrongAttempts(planted.flooded)
    const everySecond = setInterval(() => {
      resident.push(residentBytes(node.pid))
      if (resident.length % 10 === 0) onProgress(`${resident.length} s: ${JSON.stringify(flood.counts)}`)
    }, 1000)
    const [sent] = await Promise.all([
      steadily({ seconds, rate, atOnce: 5000 }, async (index) => {
        const { peer, at, id, secret } = nextWrong(index)
        const answer = await ask(peer, at, id, secret).catch(asText)
        flood.add(typeof answer === 'string' ? answer : `${answer.status} ${codeOf(answer.text)}`)
      }),
      steadily({ seconds, rate: KNOWN_RATE, atOnce: 1000 }, async (index) => {
        const one = known[index % known.length] as (typeof known)[number]
        // Half of them from where the flood comes from.
        const round = Math.floor(index / known.length)
        const peer = round % 2 === 0 ? OWN_PEER : (ATTACKERS[round % ATTACKERS.length] as string)
        const answer = await askRight(peer, one.client).catch(asText)
        if (typeof answer !== 'string') times.push(answer.milliseconds)
        one.answers.add(typeof answer === 'string' ? answer : String(answer.status))
      }),
      steadily({ seconds, rate: options.cold, atOnce: 1000 }, (index) =>
        askCold(planted.coldOfCalm[index], cold['the calm tenant']),
      ),
      // One after the other: a network of a tenant that is flooded has its part of the line, and no more.
      (async () => {
        for (const client of planted.coldOfFlooded)
          if (performance.now() - begun < seconds * 1000) await askCold(client, cold['the flooded tenant'])
      })(),
    ])
    clearInterval(everySecond)
    const refusals = await readRefusals(node.opsPort)
    node.kill('SIGTERM')
    return {
      sent,
      flood: flood.counts,
      known: byKind(known),
      cold: Object.fromEntries(Object.entries(cold).map(([of, { counts }]) => [of, counts])),
      /** Milliseconds that known clients waited. */
      times,
      refusals,
      resident,
      exit: await node.ended,
    }
  } finally {
    callers?.close()
    await site.close()
  }
}

async function plant(site: Site, { tenants, each, bcryptCost, cold, seconds }: Options) {
  const planting = await openPlanting(site, bcryptCost)
  const known: { readonly kind: string; readonly client: PlantedClient }[] = []
  const flooded: Flooded[] = []
  type Owner = Awaited<ReturnType<typeof planting.tenant>>

  const make = async (kind: string, tenant: Owner, slug: string, coldOnes = 0) => {
    const weak = slug === 'weak'
    const workspace = await planting.workspace(tenant, slug, { chosenSecrets: true, chosenDigests: !weak })
    const clients: PlantedClient[] = []
    for (let index = 0; index < each; index += 1) {
      const imported = await workspace.client(`imported-${index}`, `imported of ${slug} ${index}`)
      known.push({ kind: `${kind}, imported${weak ? ', no digest stored' : ''}`, client: imported })
      clients.push(imported)
      if (weak) continue
      const generated = await workspace.client(`generated-${index}`)
      known.push({ kind: `${kind}, generated`, client: generated })
      clients.push(generated)
    }
    const unknown: PlantedClient[] = []
    for (let index = 0; index < coldOnes; index += 1)
      unknown.push(await workspace.client(`cold-${index}`, `imported of ${tenant.slug} ${index}`))
    if (kind === FLOODED) flooded.push({ at: workspace, clients })
    return unknown
  }
  try {
    const first = await planting.tenant('flooded-1')
    const coldOfFlooded = await make(FLOODED, first, 'shop', Math.round((cold * seconds) / 2))
    await make(FLOODED, first, 'weak')
    for (let index = 2; index <= tenants; index += 1)
      await make(FLOODED, await planting.tenant(`flooded-${index}`), 'shop')
    const calm = await planting.tenant('calm')
    const coldOfCalm = await make('calm tenant', calm, 'shop', Math.round(cold * seconds))
    return { known, flooded, coldOfCalm, coldOfFlooded }
  } finally {
    await planting.close()
  }
}

/** What the node counted, by status and reason. */
async function readRefusals(opsPort: number): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()
  const lines = text.matchAll(/^regent_requests_total\{.*,status="(\d+)",reason="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries(
    [...lines].map(([, status, reason, count]) => [`${status} ${reason}`, Number(count)]),
  )
}

function byKind(known: readonly { kind: string; answers: ReturnType<typeof tally> }[]) {
  const kinds: Record<string, Record<string, number>> = {}
  for (const { kind, answers } of known) {
    const counts = (kinds[kind] ??= {})
    for (const [answer, count] of Object.entries(answers.counts))
      counts[answer] = (counts[answer] ?? 0) + count
  }
  return kinds
}

const codeOf = (text: string) => /"error":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 40)
const asText = (error: Error) => error.message
