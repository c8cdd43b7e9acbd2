/** Rows by which the live nodes of a region know of each other, and what those that ended took with them. Reads and writes, nothing else. */
import { sql } from 'kysely'
import type { NodeId } from '../ids.ts'
import { isLiveNode, LIVE_FOR } from '../storage/live-node.ts'
import type { OperatorConnection } from '../storage/transaction.ts'
import type { Region } from '../tenancy/region.ts'

export type NodeReport = {
  readonly id: NodeId
  /** How far it has read the region's feed. */
  readonly feedNumber: number
  /** To the region's database, at most. */
  readonly connections: number
  readonly masterKeyIds: readonly string[]
  readonly version: string
  /** Seconds that it may go on without its database. */
  readonly maxStale: number
  /** By the database's clock: its uses until then are in rows. Undefined: those before its start, since there are none. */
  readonly usesFlushedAt: Date | undefined
}

/** A node that may go on as if nothing had changed. */
export type UnconfirmedNode = {
  readonly id: NodeId
  /** Seconds since its last heartbeat. */
  readonly silentFor: number
  /** Seconds, at most, that it can go on without reading the feed. */
  readonly mayGoOnFor: number
}

export function nodeStore({ db }: OperatorConnection, region: Region) {
  return {
    /** @returns the database's clock, in milliseconds since 1970 */
    async upsertNode({ id, usesFlushedAt, ...report }: NodeReport): Promise<number> {
      const values = {
        feed_number: String(report.feedNumber),
        connections: report.connections,
        master_key_ids: [...report.masterKeyIds],
        version: report.version,
        max_stale: report.maxStale,
        ...(usesFlushedAt !== undefined && { uses_flushed_at: usesFlushedAt }),
      }
      const { now } = await db
        .insertInto('node')
        .values({ region, node_id: id, ...values })
        .onConflict((conflict) =>
          conflict
            .columns(['region', 'node_id'])
            .doUpdateSet({ ...values, seen_at: sql<Date>`clock_timestamp()` }),
        )
        .returning(sql<number>`extract(epoch from clock_timestamp())::float8 * 1000`.as('now'))
        .executeTakeFirstOrThrow()
      return now
    },

    async deleteNode(id: NodeId): Promise<void> {
      await db.deleteFrom('node').where('region', '=', region).where('node_id', '=', id).execute()
    },

    async listLiveNodes(): Promise<readonly NodeReport[]> {
      const rows = await db
        .selectFrom('node')
        .select([
          'node_id',
          'feed_number',
          'connections',
          'master_key_ids',
          'version',
          'max_stale',
          'uses_flushed_at',
        ])
        .where('region', '=', region)
        .where(isLiveNode)
        .orderBy('node_id')
        .execute()
      return rows.map((row) => ({
        id: row.node_id,
        feedNumber: Number(row.feed_number),
        connections: row.connections,
        masterKeyIds: row.master_key_ids,
        version: row.version,
        maxStale: row.max_stale,
        usesFlushedAt: row.uses_flushed_at ?? undefined,
      }))
    },

    /** Those that are silent and could still serve from memory, and those that live and are behind with the feed. */
    async listUnconfirmedNodes(): Promise<readonly UnconfirmedNode[]> {
      const { rows } = await sql<UnconfirmedNode>`
        select node_id as id, greatest(0, round(extract(epoch from clock_timestamp() - seen_at)))::int as "silentFor",
          ceil(extract(epoch from seen_at + make_interval(secs => max_stale) - clock_timestamp()))::int as "mayGoOnFor"
        from regent.node
        where region = ${region} and seen_at + make_interval(secs => max_stale) > clock_timestamp()
          and (not ${isLiveNode} or exists (select from regent.change_feed entry where entry.region = ${region}
            and entry.number > node.feed_number and entry.changed_at < clock_timestamp() - make_interval(secs => ${LIVE_FOR})))
        order by node_id`.execute(db)
      return rows
    },

    /** Of nodes that ended without saying so. */
    async deleteNodesBefore(seconds: number): Promise<void> {
      await db
        .deleteFrom('node')
        .where('region', '=', region)
        .where(sql<boolean>`seen_at < clock_timestamp() - make_interval(secs => ${seconds})`)
        .execute()
    },
  }
}

/** Times of which nobody knows all uses of credentials. */
export function useGapStore({ db }: OperatorConnection, region: Region) {
  return {
    /**
     * Uses that there was no room for, up to now.
     * @param id of the gap, for whoever tries again
     * @param seconds since it began
     */
    async insertGap(id: string, seconds: number): Promise<void> {
      await db
        .insertInto('use_gap')
        .values({
          region,
          gap_id: id,
          began_at: sql<Date>`clock_timestamp() - make_interval(secs => ${seconds})`,
          ended_at: sql<Date>`clock_timestamp()`,
        })
        .onConflict((conflict) =>
          conflict.columns(['region', 'gap_id']).doUpdateSet({ ended_at: sql<Date>`clock_timestamp()` }),
        )
        .execute()
    },

    /** Of nodes that ended without saying so: without their database they may have gone on for a while. */
    async insertGapsOfNodesBefore(seconds: number): Promise<void> {
      await sql`
        insert into regent.use_gap (region, gap_id, began_at, ended_at)
        select region, node_id, least(coalesce(uses_flushed_at, started_at), seen_at), seen_at + make_interval(secs => max_stale)
        from regent.node
        where region = ${region} and seen_at < clock_timestamp() - make_interval(secs => ${seconds})
        on conflict (region, gap_id) do update set began_at = excluded.began_at, ended_at = excluded.ended_at`.execute(
        db,
      )
    },

    async deleteGapsBefore(seconds: number): Promise<void> {
      await db
        .deleteFrom('use_gap')
        .where('region', '=', region)
        .where(sql<boolean>`ended_at < clock_timestamp() - make_interval(secs => ${seconds})`)
        .execute()
    },

    /**
     * @param since how far back is asked
     * @returns up to when all live nodes have written their uses, and whether some in between are not known
     */
    async findKnownUntil(since: Date): Promise<{ readonly until: Date; readonly gap: boolean }> {
      const { rows } = await sql<{ until: Date; gap: boolean }>`
        with known as (
          select coalesce(min(coalesce(uses_flushed_at, started_at)), clock_timestamp()) as until
          from regent.node where region = ${region} and ${isLiveNode}),
        gap as (
          select began_at, ended_at from regent.use_gap where region = ${region}
          union all
          select coalesce(uses_flushed_at, started_at), seen_at + make_interval(secs => max_stale)
          from regent.node where region = ${region} and not ${isLiveNode})
        select until, exists (select from gap where ended_at > ${since} and began_at < until) as gap from known`.execute(
        db,
      )
      return rows[0] ?? { until: since, gap: true }
    },
  }
}
