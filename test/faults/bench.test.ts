/** The fault bench itself, on a small stage: a fault that is not mended fails, and nothing is left behind. */
import { existsSync } from 'node:fs'
import { runFault, type BenchSettings } from './bench.ts'
import type { Fault } from './fault.ts'
import { databaseRefused } from './faults/database-refused.ts'
import { mendWays } from './faults/ways.ts'
import { openStage, type Stage } from './stage.ts'

const SETTINGS: BenchSettings = { holdSeconds: 1, repeat: 1, many: 1, trials: 1, strict: false, patience: 60 }

const cut: Fault = {
  name: 'cut',
  threat: 'T61',
  kind: 'cut',
  expect: { failures: 'some', unready: true },
  break: async ({ proxies }) => proxies.primary.cut(),
  during: databaseRefused.during,
  mend: mendWays,
}

describe('the fault bench', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ nodes: 1, tenants: 1, workspaces: 2, clients: 1, connections: 1, rate: 30 })
  }, 300_000)
  afterAll(async () => {
    await stage.close()
    expect(existsSync(stage.folder)).toBe(false)
    for (const { port } of [...stage.nodes, stage.cluster.primary()])
      await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed')
  })

  it('fails a fault that is not mended, and passes the same one when it is', async () => {
    const left = await runFault(stage, { ...cut, mend: async () => {} }, { ...SETTINGS, patience: 2 })
    expect(left.faults).toContainEqual(expect.stringMatching(/^not mended: a change in region none: /))
    await mendWays(stage)

    const mended = await runFault(stage, cut, SETTINGS)
    expect(mended.faults).toEqual([])
    expect(mended.observed?.tally.issued).toBeGreaterThan(0)
  })

  it('fails a fault that breaks nothing', async () => {
    const nothing = await runFault(stage, { ...cut, break: async () => {} }, SETTINGS)
    expect(nothing.faults).toContainEqual(expect.stringMatching(/^changes made: [1-9]/))
  })

  it('mends what it could not do, and says so', async () => {
    const broken = await runFault(
      stage,
      {
        ...cut,
        async during() {
          throw new Error('no such thing')
        },
      },
      SETTINGS,
    )
    expect(broken.faults).toEqual(['it could not be done: no such thing'])
  })

  it('counts a node that ended by itself, and an acknowledged change that is gone', async () => {
    const crash: Fault = {
      ...cut,
      break: async () => {},
      async during({ nodes, lookUp, clerk }) {
        nodes[0]?.crash()
        await clerk.make('eu')
        await lookUp('eu', `delete from regent.client where client_id like 'clerk-%'`)
        return {}
      },
      mend: async ({ nodes }) => {
        await nodes[0]?.ended()
        await nodes[0]?.start()
      },
    }
    const { faults } = await runFault(stage, crash, SETTINGS)
    expect(faults).toEqual([
      expect.stringMatching(/^changes acknowledged and lost: [1-9]/),
      'nodes that ended by themselves: 1',
    ])
  })

  it('does not do what cannot be done here, and says why', async () => {
    const result = await runFault(stage, { ...cut, whyNot: () => 'no disk' }, SETTINGS)
    expect(result).toMatchObject({ notRun: 'no disk', faults: [] })
  })
})
