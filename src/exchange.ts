/**
 * A question and its reply: what an endpoint sees of HTTP, as values. The adapters in `server/` make the one
 * from a socket and write the other to it; endpoints never meet Node's or Express's objects. Types only.
 */

export type Question<Address> = {
  /** What host and path name, already read and held against each other. */
  readonly address: Address
  readonly method: string
  /** The raw query without its question mark; undefined when the target had none. */
  readonly query: string | undefined
  /** Every value that a header was sent with, in order; the name in lower case. Empty when it was not sent. */
  headers(name: string): readonly string[]
  readonly body: Buffer
  /** Network address of the caller, or what a trusted proxy says it is. */
  readonly peer: string
  readonly requestId: string
}

export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** It is for people, in a browser: a policy allows it its own style. */
  readonly page?: true
  /** In place of the body: what comes while it is still worked on. */
  readonly stream?: AsyncIterable<string>
  /** Which check refused it, for whoever observes: never sent. */
  readonly reason?: string
}
