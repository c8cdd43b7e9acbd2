/** What is seen of the issuance log of a region: its tokens and its refusals, which have a queue each. */
import type { IssuanceGauges } from './issuance-log.ts'

export function together(tokens: IssuanceGauges, refusals: IssuanceGauges): IssuanceGauges {
  return {
    waiting: tokens.waiting + refusals.waiting,
    rows: tokens.rows + refusals.rows,
    commits: tokens.commits + refusals.commits,
    dropped: tokens.dropped + refusals.dropped,
  }
}
