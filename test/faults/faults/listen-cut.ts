/** T67: the connections that listen for changes are lost, with and without a word. Changes are in effect all the same. */
import { disobedience, measureEffect } from '../effect.ts'
import type { Fault } from '../fault.ts'
import { until } from '../place/cluster.ts'
import type { Stage } from '../stage.ts'
import { terminateBackends } from './backends.ts'

function listenCut(name: string, cut: (stage: Stage) => Promise<void>): Fault {
  let listening = 0
  return {
    name,
    threat: 'T67',
    kind: 'listen cut',
    expect: { failures: 'none', gap: 250 },
    async break(stage) {
      // A node whose connection an earlier fault took waits a while before it listens again.
      await until('a node listens', async () => {
        listening = await stage.proxies.direct.connections()
        return listening > 0
      })
      await cut(stage)
    },
    async during(stage, { hold }) {
      const [effect] = await Promise.all([measureEffect(stage, 1, 'disable'), hold()])
      return {
        must: { 'connections that listened': listening, requests: effect.asked },
        never: {
          ...disobedience([effect]),
        },
        times: { 'last token after a client was disabled': { took: effect.lastToken, allowed: 1000 } },
      }
    },
    mend: async ({ proxies }) => proxies.direct.mend(),
  }
}

export const listenTerminated = listenCut('listen-terminated', async (stage) => {
  await terminateBackends(stage, `query ~* '^(listen|select 1$)'`)
  await stage.proxies.direct.cut()
})
export const listenBlackHole = listenCut('listen-black-hole', async ({ proxies }) => proxies.direct.freeze())
export const listenHalfOpen = listenCut('listen-half-open', async ({ proxies }) => proxies.direct.halfOpen())
