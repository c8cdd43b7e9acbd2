import { chooseSigning } from '../../src/changes/choose-signing.ts'
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { maintainKeys, revokeKey } from '../../src/changes/key-changes.ts'
import { grantScopes } from '../../src/changes/scope-changes.ts'
import type { ClientId, Kid } from '../../src/ids.ts'
import { ALGORITHMS } from '../../src/oauth/signing.ts'
import { INVOICES, openWorld, ORDERS, type World, type WorldWorkspace } from '../support/world.ts'

describe('signing algorithms (RFC 7518 §3.1, RFC 8037 §3.1)', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const keysOf = async (workspace: WorldWorkspace) => {
    const { body } = await workspace.get(`${workspace.path}/.well-known/jwks.json`).expect(200)
    return body.keys as readonly { kid: string; alg: string; kty: string }[]
  }

  it.each(ALGORITHMS)(
    'signs with %s for the resource server that chose it, and for no other',
    async (algorithm) => {
      const issuer = `https://acme.eu.token.example/${algorithm.toLowerCase()}`
      const workspace = await world.workspace(issuer, {}, { signingAlgorithm: algorithm })
      const robot = await workspace.client('robot', { scope: ['read', 'invoices:read'] })

      const chosen = (await workspace.token(robot, { resource: ORDERS }).expect(200)).body
      expect((await workspace.verify(chosen.access_token)).protectedHeader).toMatchObject({
        alg: algorithm,
        typ: 'at+jwt',
      })
      const other = (await workspace.token(robot, { resource: INVOICES }).expect(200)).body
      expect((await workspace.verify(other.access_token)).protectedHeader.alg).toBe('ES256')

      // One active and one published key for each algorithm in use, public parameters only.
      const keys = await keysOf(workspace)
      const inUse = algorithm === 'ES256' ? ['ES256', 'ES256'] : ['ES256', 'ES256', algorithm, algorithm]
      expect(keys.map(({ alg }) => alg).toSorted()).toEqual(inUse.toSorted())
      for (const key of keys) {
        for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret)
      }
    },
  )

  it('signs a thousand tokens that all verify, whatever their integers begin with', async () => {
    const workspace = await world.workspace(
      'https://acme.eu.token.example/many',
      {},
      { signingAlgorithm: 'ES384' },
    )
    const robot = await workspace.client('robot', { scope: ['read'] })
    for (let count = 0; count < 50; count++) {
      const { body } = await workspace.token(robot).expect(200)
      await workspace.verify(body.access_token)
    }
  })

  it('follows the workspace where a resource server does not choose', async () => {
    const workspace = await world.workspace('https://acme.eu.token.example/rsa', {
      signingAlgorithm: 'RS256',
    })
    const { body } = await workspace.token(await workspace.client('robot')).expect(200)
    expect((await workspace.verify(body.access_token)).protectedHeader.alg).toBe('RS256')
    expect((await keysOf(workspace)).map(({ kty }) => kty)).toEqual(['RSA', 'RSA'])
  })

  it('writes typ JWT for the resource server that asked for it, since some verifiers refuse at+jwt', async () => {
    const workspace = await world.workspace('https://acme.eu.token.example/typ', {}, { jwtType: 'JWT' })
    const robot = await workspace.client('robot', { scope: ['read', 'invoices:read'] })
    const type = async (resource: string) => {
      const { body } = await workspace.token(robot, { resource }).expect(200)
      return (await workspace.verify(body.access_token)).protectedHeader.typ
    }
    expect([await type(ORDERS), await type(INVOICES)]).toEqual(['JWT', 'at+jwt'])
  })

  it('makes no token for resource servers that want it signed differently', async () => {
    const workspace = await world.workspace(
      'https://acme.eu.token.example/differ',
      {},
      { signingAlgorithm: 'PS256' },
    )
    const robot = await workspace.client('robot', {
      scope: ['read', 'invoices:read'],
      severalResources: true,
    })
    const { body } = await workspace.token(robot, { resource: [ORDERS, INVOICES] }).expect(400)
    expect(body.error).toBe('invalid_target')
    expect(world.lastRefusal()).toMatchObject({ reason: 'resources_sign_differently' })
  })

  it('goes on with a known key until verifiers can have the first one of a newly chosen algorithm (T51)', async () => {
    const workspace = await world.workspace('https://acme.eu.token.example/turn')
    const robot = await workspace.client('robot')
    const algorithm = async () => {
      const { body } = await workspace.token(robot).expect(200)
      return (await workspace.verify(body.access_token)).protectedHeader.alg
    }
    await chooseSigning(workspace.change, workspace.workspace, workspace.orders, 'EdDSA', 'at+jwt')
    expect((await keysOf(workspace)).map(({ alg }) => alg).toSorted()).toEqual(['ES256', 'ES256', 'EdDSA'])
    expect(await algorithm()).toBe('ES256')
    await maintainKeys(workspace.change, workspace.workspace)
    expect(await algorithm()).toBe('ES256')

    await world.superuser(
      `update regent.signing_key set may_sign_at = published_at where algorithm = 'EdDSA' and workspace_id = $1`,
      [workspace.workspace.id],
    )
    await maintainKeys(workspace.change, workspace.workspace)
    expect(await algorithm()).toBe('EdDSA')
  })

  it('signs at once with a new key when the active one is revoked (T54)', async () => {
    const workspace = await world.workspace('https://acme.eu.token.example/stolen')
    const robot = await workspace.client('robot')
    const token = (await workspace.token(robot).expect(200)).body.access_token
    const { kid } = (await workspace.verify(token)).protectedHeader
    await revokeKey(workspace.change, workspace.workspace, kid as Kid)
    await expect(workspace.verify(token)).rejects.toThrow('no applicable key')
    const next = (await workspace.token(robot).expect(200)).body.access_token
    expect((await workspace.verify(next)).protectedHeader.kid).not.toBe(kid)
  })

  it('gives each of two resource servers that choose the same algorithm at once its token', async () => {
    const workspace = await world.workspace('https://acme.eu.token.example/twins')
    const robot = await workspace.client('robot', { scope: [] })
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        await createResourceServer(workspace.change, workspace.workspace, {
          identifier: `https://${name}.example`,
          name,
          scopes: { [name]: name },
          signingAlgorithm: 'ES384',
        })
        await grantScopes(workspace.change, workspace.workspace, robot.id as ClientId, [name])
      }),
    )
    for (const scope of ['a', 'b', 'c']) {
      const { body } = await workspace.token(robot, { scope }).expect(200)
      expect((await workspace.verify(body.access_token)).protectedHeader.alg).toBe('ES384')
    }
    expect(await keysOf(workspace)).toHaveLength(4)
  })
})
