/** When a node of a region counts as alive: its heartbeat, a row, was renewed within three seconds. */
import { sql } from 'kysely'

/** Seconds that a heartbeat counts for. */
export const LIVE_FOR = 3

export const isLiveNode = sql<boolean>`seen_at > clock_timestamp() - make_interval(secs => ${LIVE_FOR})`
