/** The rules behind the figures of administration, in short: `npm run figures -- edits` and `kills`. */
import { edit } from './edits.ts'
import { kill, MUCH_AT_ONCE } from './kills.ts'
import { openPlace, type Place, type Tenant } from './place.ts'

/** Milliseconds: processes are started and killed, on a machine that is busy. */
const PATIENCE = 300_000

describe('administration at several servers at once', () => {
  let place: Place
  let tenant: Tenant

  beforeAll(async () => {
    place = await openPlace({ nodes: 2, environment: MUCH_AT_ONCE })
    tenant = await place.tenant('several', 2)
    await tenant.workspace('shop')
  }, PATIENCE)
  afterAll(() => place.close())

  it(
    'keeps what was acknowledged by a server that is killed, and makes nothing twice',
    async () => {
      const { wrong, cutOff, acknowledged } = await kill(place, [tenant], { kills: 2, lanes: 6 })
      expect(wrong).toEqual([])
      expect(cutOff).toBeGreaterThan(0)
      expect(acknowledged).toBeGreaterThanOrEqual(2 * 6 * 4)
    },
    PATIENCE,
  )

  it(
    'loses no edit of a client and makes none twice, with If-Match, without it, and repeated',
    async () => {
      await tenant.client('shop', 'robot')
      const { wrong, overtaken, replayed } = await edit(place, tenant, { edits: 12, lanes: 4 })
      expect(wrong).toEqual([])
      expect(overtaken).toBeGreaterThan(0)
      expect(replayed).toBe(2 * 2 * 12)
    },
    PATIENCE,
  )
})
