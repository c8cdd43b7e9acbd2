/** What belongs to a region is nowhere but in its own database and in the log of the nodes that serve it (T13). */
import { ask, pooled, request, type Answer } from '../server/raw.ts'
import { encodeForm } from '../support/world.ts'
import { migrate, openHome, plant, startRegionNode, type Home, type Planted } from './regions.ts'

const MARKS = { eu: 'lighthouse-of-lisbon', au: 'billabong-of-bega' } as const
const REGIONS = ['eu', 'au'] as const
const OTHER = { eu: 'au', au: 'eu' } as const
const CLIENTS = 25

type Region = (typeof REGIONS)[number]
type Node = Awaited<ReturnType<typeof startRegionNode>>

describe('a region with a database of its own (T13)', () => {
  let homes: Record<Region, Home>
  let planted: Record<Region, Planted>
  const nodes = {} as Record<Region, Node>
  const before = {} as Record<Region, number>
  const after = {} as Record<Region, number>
  /** Of a region's node: to its own clients, and to those of the other region. */
  const answers = { eu: { own: [], strange: [] }, au: { own: [], strange: [] } } as Record<
    Region,
    { own: Answer[]; strange: Answer[] }
  >

  const tokenRequest = (at: Planted, form: Record<string, string>, host = at.host) =>
    request(
      `POST /${at.workspace.tenant.slug}/${at.workspace.slug}/oauth2/token HTTP/1.1`,
      [`Host: ${host}`, 'Content-Type: application/x-www-form-urlencoded'],
      encodeForm({ grant_type: 'client_credentials', ...form }),
    )

  /** What a caller may do wrong: the other region's names at their own host, at ours, and in a request of ours. */
  function strangeRequests(region: Region): readonly Buffer[] {
    const other = planted[OTHER[region]]
    const { scope, resource } = other
    return other.clients.flatMap(({ id, secret }) => {
      const form = { client_id: id, client_secret: secret, scope, resource }
      return [
        tokenRequest(other, form),
        tokenRequest(other, form, other.host.replace(`.${OTHER[region]}.`, `.${region}.`)),
        tokenRequest(planted[region], form),
        tokenRequest(planted[region], { ...ownForm(region), resource }),
        tokenRequest(planted[region], { ...ownForm(region), scope }),
      ]
    })
  }
  const ownForm = (region: Region, index = 0) => {
    const { id = '', secret = '' } = planted[region].clients[index] ?? {}
    return { client_id: id, client_secret: secret }
  }

  beforeAll(async () => {
    const [eu, au] = await Promise.all([openHome('eu'), openHome('au')])
    homes = { eu, au }
    for (const region of REGIONS) await migrate(homes[region])
    planted = { eu: await plant(eu, MARKS.eu, CLIENTS), au: await plant(au, MARKS.au, CLIENTS) }
    for (const region of REGIONS) {
      before[region] = homes[OTHER[region]].connections()
      nodes[region] = await startRegionNode(region, [eu, au])
      const { port } = nodes[region]
      const own = planted[region].clients.map((_, index) =>
        tokenRequest(planted[region], ownForm(region, index)),
      )
      await pooled(own, async (bytes) => void answers[region].own.push(await ask(port, bytes)), 8)
      await pooled(
        strangeRequests(region),
        async (bytes) => void answers[region].strange.push(await ask(port, bytes)),
        8,
      )
      nodes[region].kill('SIGTERM')
      await nodes[region].ended
      after[region] = homes[OTHER[region]].connections()
    }
  }, 180_000)
  afterAll(async () => {
    for (const region of REGIONS) {
      nodes[region]?.kill('SIGKILL')
      await homes[region].close()
    }
  })

  const logOf = (region: Region) => nodes[region].said.out + nodes[region].said.err

  describe.each(REGIONS)('%s', (region) => {
    const other = OTHER[region]

    it('is served by its node, and the other region is not', () => {
      expect(answers[region].own.map(({ status }) => status)).toEqual(Array(CLIENTS).fill(200))
      const counts: Record<number, number> = {}
      for (const { status } of answers[region].strange) counts[status] = (counts[status] ?? 0) + 1
      expect(counts).toEqual({ 421: CLIENTS, 404: CLIENTS, 401: CLIENTS, 400: 2 * CLIENTS })
    })

    it('has what is its own in its own tables, files and log', async () => {
      const dump = await homes[region].dump()
      // Tenant, workspace, resource server, scope; of each client its row, credential, grant; and the trail.
      expect(dump.split(MARKS[region]).length).toBeGreaterThan(200)
      const files = await homes[region].files()
      expect(files.filter((bytes) => bytes.includes(MARKS[region])).length).toBeGreaterThan(1)
      expect(logOf(region)).toContain(MARKS[region])
      expect(logOf(region)).toContain(planted[region].scope)
    })

    it('has no row, no byte and no line of it in the other region', async () => {
      const needles = [MARKS[region], planted[region].workspace.id, planted[region].workspace.tenant.id]
      const dump = await homes[other].dump()
      const files = await homes[other].files()
      for (const needle of needles) {
        expect(dump).not.toContain(needle)
        expect(files.filter((bytes) => bytes.includes(needle))).toHaveLength(0)
        expect(logOf(other)).not.toContain(needle)
      }
    })

    it('has a node that never connects to the other database, though it was told of it', () => {
      expect(homes[region].connections()).toBeGreaterThan(0)
      expect(after[region] - before[region]).toBe(0)
    })
  })
})
