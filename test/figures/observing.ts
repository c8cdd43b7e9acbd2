/**
 * What it costs the token path to say what happened: a token issued, its request answered, and a turn, to log and metrics as
 * `regent serve` has them, each in values of its own as the server makes them.
 */
import { newRandomId } from '../../src/ids.ts'
import { openLog } from '../../src/observe/log.ts'
import { openMetrics } from '../../src/observe/metrics.ts'
import type { Observe } from '../../src/observe/observation.ts'

/** @returns microseconds of processor time a token, each round's: of `token_issued` alone, and of all that a request leaves */
export async function measureObserving(
  tokens: number,
  rounds: number,
): Promise<{ readonly issued: readonly number[]; readonly all: readonly number[] }> {
  const log = openLog({ level: 'info', destination: '/dev/null' })
  const metrics = openMetrics(() => undefined, log.dropped)
  const observe: Observe = (observation) => {
    log.observe(observation)
    metrics.observe(observation)
  }
  const ids = Array.from({ length: 1000 }, newRandomId)
  const issuedOne = (index: number) => {
    const id = ids[index % 1000] ?? ''
    observe({
      type: 'token_issued',
      requestId: id,
      issuer: 'https://acme.eu.token.example/acme/shop',
      clientId: id,
      credentialId: id,
      grantType: 'client_credentials',
      scope: 'orders:read orders:write',
      tokenId: id,
    })
  }
  const answeredOne = (index: number) => {
    const arrived = performance.now()
    issuedOne(index)
    const seconds = (performance.now() - arrived) / 1000
    observe({ type: 'request_answered', endpoint: '/oauth2/token', status: 200, seconds })
    // At a node that is asked by one caller: otherwise many have one in common.
    observe({ type: 'turn_taken', requests: 1 })
  }
  const costOf = (one: (index: number) => void) => {
    const begun = process.cpuUsage()
    for (let index = 0; index < tokens; index++) one(index)
    const { user, system } = process.cpuUsage(begun)
    return (user + system) / tokens
  }
  const issued: number[] = []
  const all: number[] = []
  for (let round = 0; round < rounds; round++) {
    issued.push(costOf(issuedOne))
    all.push(costOf(answeredOne))
    // The log writes what it counted, once a second.
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await log.close()
  return { issued, all }
}
