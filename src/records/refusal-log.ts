/**
 * Refusals in the issuance log of one region: who had proved itself and got no token, and why. Never of who did not: anybody can
 * send wrong secrets, at any rate and in anybody's name. A client has some rows a minute; what comes beyond is one row for each
 * reason that says how many there were. Written in the background, whatever the mode: no answer waits for it, and no token's row
 * makes room for it.
 */
import { newRandomId, type ClientId, type CredentialId } from '../ids.ts'
import type { Observe } from '../observe/observation.ts'
import { isUnavailable, sqlState, type Database } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'
import type { Workspace } from '../tenancy/tenant.ts'
import { issuanceDrops } from './issuance-drops.ts'
import type { IssuanceGauges } from './issuance-log.ts'
import { issuanceStore, type Refused } from './issuance-store.ts'

/** What an authenticated client asked for, and why it did not get it. */
export type RefusedRequest = {
  readonly workspace: Workspace
  readonly clientId: ClientId
  readonly credentialId: CredentialId
  /** Of what it asked for, the names that are its workspace's, and its own: a row keeps nothing else that a caller sends. */
  readonly scope: readonly string[]
  readonly resources: readonly string[]
  /** As docs/errors.md lists them. */
  readonly reason: string
  readonly peer: string
  readonly requestId: string
}

export type RefusalLog = {
  record(refused: RefusedRequest): void
  /** Ends when what waits now was tried once. */
  flush(): Promise<void>
  /** Tries once more, sums too; afterwards nothing runs. */
  close(): Promise<void>
  gauges(): IssuanceGauges
}

type Needs = {
  readonly region: Region
  readonly isOn: boolean
  readonly database: Database
  readonly observe: Observe
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number
  readonly maxWaiting?: number
}

/** Rows of a client in a minute. */
const ROWS_A_MINUTE = 10
const MINUTE = 60_000
const INTERVAL = 1000
const BATCH = 500
/** Some 300 bytes each. */
const MAX_WAITING = 10_000

export function refusalLog(needs: Needs): RefusalLog {
  const { region, isOn, database, observe, wallClock, monotonic, maxWaiting = MAX_WAITING } = needs
  const drops = issuanceDrops(wallClock)
  const counts = { rows: 0, commits: 0, dropped: 0 }
  let waiting: Refused[] = []
  /** Of this minute: rows of each client, and what came beyond, by client, credential and reason. */
  const rowsOf = new Map<string, number>()
  const sums = new Map<string, Refused & { events: number }>()
  let minuteEnds = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let last = Promise.resolve()
  let closed = false

  const endMinute = () => {
    waiting.push(...sums.values())
    sums.clear()
    rowsOf.clear()
  }

  const round = async () => {
    if (monotonic() >= minuteEnds) endMinute()
    while (waiting.length > 0 || !drops.isEmpty()) {
      const batch = waiting.slice(0, BATCH)
      if (!(await tried(batch))) return
      waiting = waiting.slice(batch.length)
    }
  }

  /** @returns whether the database said anything; what it refuses is not tried again */
  const tried = async (batch: readonly Refused[]): Promise<boolean> => {
    try {
      const dropped = drops.report()
      await database.asOperator(async (connection) => {
        const store = issuanceStore(connection)
        await store.insertRefused(batch)
        await store.insertDropped(dropped, 'refusals_dropped')
      })
      counts.rows += batch.length
      counts.commits += 1
    } catch (error) {
      if (isUnavailable(error)) return false
      counts.dropped += batch.reduce((sum, { events }) => sum + events, 0)
      const code = sqlState(error) ?? 'without a code'
      observe({ type: 'warning', message: `region ${region}: refusals were not recorded (${code})` })
    }
    drops.reported()
    return true
  }

  const flush = (): Promise<void> => (last = last.then(round))

  return {
    record(refused) {
      if (!isOn || closed) return
      timer ??= setInterval(() => void flush(), INTERVAL).unref()
      if (monotonic() >= minuteEnds) {
        endMinute()
        minuteEnds = monotonic() + MINUTE
      }
      const { workspace, clientId, credentialId, reason } = refused
      const client = `${workspace.id} ${clientId}`
      const rows = (rowsOf.get(client) ?? 0) + 1
      rowsOf.set(client, rows)
      const kind = `${client} ${credentialId} ${reason}`
      const sum = sums.get(kind)
      if (rows > ROWS_A_MINUTE && sum !== undefined) {
        sum.events += 1
        return
      }
      const row = rowOf(refused, wallClock())
      if (waiting.length + sums.size >= maxWaiting) {
        counts.dropped += 1
        drops.add(row)
      } else if (rows <= ROWS_A_MINUTE) waiting.push(row)
      else sums.set(kind, { ...row, ...OF_MANY })
    },

    flush,

    async close() {
      closed = true
      clearInterval(timer)
      minuteEnds = Number.NEGATIVE_INFINITY
      await flush()
      const lost = waiting.reduce((sum, { events }) => sum + events, 0)
      counts.dropped += lost
      if (lost > 0) {
        observe({
          type: 'warning',
          message: `region ${region}: ${lost} refusals were not recorded, its database is away`,
        })
      }
      waiting = []
    },

    gauges: () => ({ waiting: waiting.length + sums.size, ...counts }),
  }
}

/** What differs from one to the next is said of none. */
const OF_MANY = { scope: '', audience: '', peer: '', requestId: '' } as const

function rowOf(refused: RefusedRequest, at: number): Refused {
  const { workspace, clientId, credentialId, scope, resources, reason, peer, requestId } = refused
  return {
    tenantId: workspace.tenant.id,
    workspaceId: workspace.id,
    id: newRandomId(),
    at,
    events: 1,
    clientId,
    credentialId,
    scope: scope.join(' '),
    audience: resources.join(' '),
    peer,
    requestId,
    reason,
  }
}
