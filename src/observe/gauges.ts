/** What is so of a node at the moment that somebody asks for its metrics. Types only. */

export type Gauges = {
  /** Of the certificate that this node ends TLS with, in milliseconds since 1970; undefined where a proxy does. */
  readonly certificateEndsAt: number | undefined
  /** bcrypt comparisons. */
  readonly hashesWaiting: number
  readonly hashesRunning: number
  /** Client ids and networks that failed together within the last minute. */
  readonly failingPairs: number
  /** Digests of secrets that are to be written down. */
  readonly digestsWaiting: number
  readonly regions: readonly RegionGauges[]
}

export type RegionGauges = {
  readonly region: string
  readonly clients: number
  readonly workspaces: number
  /** Of both, those whose reading has not begun. */
  readonly loadsWaiting: number
  /** Client ids that failed within the last minute. */
  readonly pacedClients: number
  /** Seconds since the feed was read. */
  readonly feedAge: number
  /** False while the database is given up. */
  readonly databaseAnswers: boolean
  /** Seconds that the node is ahead of the database. */
  readonly clockSkew: number
  /** Questions that memory could answer and could not, since the start. */
  readonly lookups: { readonly hits: number; readonly misses: number }
  /** When the oldest key that signs began to, in seconds since 1970. */
  readonly signingSince: number | undefined
  /** Of the issuance log: rows that wait; and since the start, rows written, their commits, and rows dropped. */
  readonly issuance: {
    readonly waiting: number
    readonly rows: number
    readonly commits: number
    readonly dropped: number
  }
}
