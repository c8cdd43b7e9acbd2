/** What administration is asked, and the region that it is asked in. Types only. */
import type { FollowingDirectory } from '../directory/directory.ts'
import type { Question } from '../exchange.ts'
import type { Database } from '../storage/transaction.ts'
import type { AdminAddress } from '../tenancy/address.ts'

export type AdminQuestion = Question<AdminAddress> & {
  /** Of a route that takes it as it comes: its `body` is empty then. */
  readonly arriving?: AsyncIterable<Buffer>
}

export type AdminRegion = {
  readonly directory: Pick<FollowingDirectory, 'locate' | 'findClient' | 'confirmClient' | 'feed'>
  /** Patient enough for a replica that confirms commits. */
  readonly database: Database
}
