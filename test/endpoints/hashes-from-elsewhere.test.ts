/** Clients whose secret was hashed by another product: they get tokens with it, and it is hashed anew on the way. */
import { openWorld, type Credentials, type World, type WorldWorkspace } from '../support/world.ts'
import { noteSecret } from '../support/noted-secrets.ts'

// Made with Python's hashlib, in the form that Hydra stores.
const SECRET = 'some-secret-of-hydra'
const HYDRA = '$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$Z4qHcyrQC04D3zR6ahhTn1QxPJFtxaYA+vuhvamk5Yk'

describe('a secret that was hashed elsewhere', () => {
  let world: World

  beforeAll(async () => {
    noteSecret('client secret', SECRET)
    world = await openWorld()
  })
  afterAll(() => world.close())

  async function bring(issuer: string, settings: Parameters<World['workspace']>[1]) {
    const orders = await world.workspace(issuer, { chosenSecrets: true, ...settings })
    const { id } = await orders.client('robot', { scope: ['read'], secret: { chosen: 'another' } })
    await put(orders, HYDRA)
    return { orders, robot: { id, secret: SECRET } as Credentials }
  }
  const put = ({ workspace }: WorldWorkspace, hash: string) =>
    world.superuser('update regent.credential set bcrypt_hash = $1 where workspace_id = $2', [
      hash,
      workspace.id,
    ])
  const stored = async ({ workspace }: WorldWorkspace) => {
    const { rows } = await world.superuser<{ hash: string; digest: Buffer | null }>(
      'select bcrypt_hash as hash, digest from regent.credential where workspace_id = $1',
      [workspace.id],
    )
    return rows[0]
  }

  it('gets a token, and is hashed anew where its workspace says so', async () => {
    const { orders, robot } = await bring('https://moved.eu.token.example/orders', {})
    await orders.token({ ...robot, secret: 'another' }).expect(401)
    expect((await stored(orders))?.hash).toBe(HYDRA)
    await orders.token(robot).expect(200)
    for (let tries = 0; tries < 200 && (await stored(orders))?.hash === HYDRA; tries++)
      await new Promise((resolve) => setTimeout(resolve, 25))
    const { hash, digest } = (await stored(orders)) ?? {}
    expect([hash?.slice(0, 7), digest?.length]).toEqual(['$2b$04$', 32])
    // Memory has the hash from before still; the row decides for whoever reads it.
    await orders.token(robot).expect(200)
    await orders.token({ ...robot, secret: 'another' }).expect(401)
    await orders.token(robot).expect(200)
  })

  it('stays as it is where its workspace says so', async () => {
    const { orders, robot } = await bring('https://kept.eu.token.example/orders', { rehash: false })
    await orders.token(robot).expect(200)
    for (let tries = 0; tries < 200 && (await stored(orders))?.digest === null; tries++)
      await new Promise((resolve) => setTimeout(resolve, 25))
    // The digest came; a new hash would have come with it.
    expect(await stored(orders)).toEqual({ hash: HYDRA, digest: expect.any(Buffer) })
  })

  it.each([
    ['of an iteration too many', HYDRA.replace('25000', '1000000')],
    ['of another form', HYDRA.replace('sha256', 'sha512')],
    ['of bcrypt with an error', `$2x$10$${'x'.repeat(53)}`],
    ['of which nothing is known', 'plain'],
  ])('is in no row with a hash %s', async (_case, hash) => {
    const { orders } = await bring(`https://refused-${hash.length}.eu.token.example/orders`, {})
    await expect(put(orders, hash)).rejects.toMatchObject({ code: '23514' })
  })
})
