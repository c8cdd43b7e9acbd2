/** Libraries that others wrote get tokens from a real server and verify them; what happened becomes a document. */
import { freePort } from '../support/postgres.ts'
import {
  INVOICES,
  openWorld,
  ORDERS,
  type Credentials,
  type World,
  type WorldWorkspace,
} from '../support/world.ts'
import { CLIENTS, METHODS, type InteroperableClient, type Method, type Wish } from './clients.ts'
import { DOCUMENT, readDocument, saveDocument, writeDocument } from './document.ts'
import { findExpectedFailure, KEEPS_NO_KEYS, printOutcome } from './expected-failures.ts'
import { CALLER, issueTokens, KINDS, printKind, type Tokens } from './tokens.ts'
import { VERIFIERS, type InteroperableVerifier } from './verifiers.ts'

const DESCRIPTION =
  'client authentication failed: check client_id and client_secret, and that host and path name the workspace of this client'

/** Verified one after the other by one verifier. */
const TOKENS = 3

describe('interoperability', () => {
  let world: World
  let workspace: WorldWorkspace
  /** What arrived at the server. */
  const wire: { path: string; basic: boolean }[] = []
  /** What happened, to be written down: by the client's name, and by the verifier's and the kind of token. */
  const clientCells = new Map<string, readonly string[]>()
  const verifierCells = new Map<string, string>()
  /** How often each verifier fetched the JWK set for three tokens. */
  const fetches = new Map<string, number>()

  beforeAll(async () => {
    const localPort = await freePort()
    world = await openWorld({ localPort })
    // Verifiers have clocks of their own.
    world.clock.time = Math.floor(Date.now() / 1000)
    world.server.on('request', ({ url = '', headers }) => {
      wire.push({ path: url, basic: headers.authorization?.startsWith('Basic ') ?? false })
    })
    workspace = await world.workspace(`http://acme.eu.localhost:${localPort}/orders`)
  })
  afterAll(() => world.close())

  describe('a client', () => {
    let robot: Credentials
    let other: Credentials

    beforeAll(async () => {
      robot = await workspace.client('robot', { scope: ['read', 'write', 'invoices:read'] })
      other = await workspace.client('other')
    })

    it.each(CLIENTS)('gets tokens, and is told why not: $name', async (client) => {
      const has = (what: InteroperableClient['lacks'][number]) => !client.lacks.includes(what)
      const methods = METHODS.filter(has)
      const discoveries = new Set<string>()
      const messages = new Set<string>()

      for (const method of methods) {
        const { claims, requests } = await ask(client, method, { scope: 'write' })
        expect(claims).toMatchObject({ aud: ORDERS, scope: 'write' })
        const path = `${workspace.path}/oauth2/token`
        expect(requests.at(-1)).toEqual({ path, basic: method === 'client_secret_basic' })
        const discovered = requests.slice(0, -1).map((request) => request.path)
        expect(discovered).toHaveLength(has('discovery') ? 1 : 0)
        discoveries.add(discovered.map(printPath).join() || '-')
        messages.add(await messageOf(client, method))
      }
      if (has('resource')) {
        for (const parameters of [{ resource: INVOICES }, { resource: INVOICES, scope: 'invoices:read' }]) {
          const { claims } = await ask(client, 'client_secret_post', parameters)
          expect(claims).toMatchObject({ aud: INVOICES, scope: 'invoices:read' })
        }
      }
      clientCells.set(client.name, [
        [...discoveries].join(),
        ...METHODS.map((method) => (has(method) ? 'works' : '-')),
        'works',
        has('resource') ? 'works' : '-',
        client.refusal.where,
        [...messages].join(),
      ])
    })

    async function ask(client: InteroperableClient, method: Method, parameters: Wish['parameters']) {
      wire.length = 0
      const { issuer } = workspace.workspace
      const token = await client.token({ issuer, ...robot, method, parameters })
      const requests = [...wire]
      const { payload: claims } = await workspace.verify(token)
      expect(claims.sub).toBe(robot.id)
      return { claims, requests }
    }

    /** What a developer with a wrong secret reads first: the message of the error. */
    async function messageOf(client: InteroperableClient, method: Method): Promise<string> {
      const { issuer } = workspace.workspace
      const wish = { issuer, id: robot.id, secret: other.secret, method, parameters: { scope: 'read' } }
      const error: unknown = await client.token(wish).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(world.lastRefusal()).toMatchObject({ reason: 'unknown_credential' })
      expect(await client.refusal.read(error as never)).toMatchObject({
        error: 'invalid_client',
        error_description: expect.stringContaining(DESCRIPTION) as string,
      })
      const { message } = error as Error
      return message.includes(DESCRIPTION) ? 'the description' : `\`${message}\``
    }

    function printPath(path: string): string {
      return `\`${path.replace(workspace.path, '/{tenant}/{workspace}')}\``
    }
  })

  describe('a verifier', () => {
    let tokens: Map<string, Tokens>

    beforeAll(async () => {
      tokens = await issueTokens(world, workspace)
    })

    const cells = VERIFIERS.flatMap((verifier) =>
      KINDS.map((kind) => [`${verifier.name}, ${printKind(kind)}`, verifier, kind] as const),
    )

    it.each(cells)('takes the right token, and no other: %s', async (cell, verifier, kind) => {
      const failure = findExpectedFailure(verifier.name, kind)
      expect(await outcomeOf(verifier, tokens.get(printKind(kind)))).toBe(failure?.says ?? 'works')
      verifierCells.set(cell, printOutcome(failure))
    })

    it.each(VERIFIERS)(
      'keeps the JWK set, or is known to fetch it for each token: $name',
      async (verifier) => {
        const made = tokens.get(printKind({ typ: 'JWT', algorithm: 'ES256' }))
        if (made === undefined) throw new Error('no tokens of that kind were made')
        const { verify, close } = await verifier.open(made.api)
        try {
          wire.length = 0
          for (let count = 0; count < TOKENS; count++) await verify(made.valid)
          const fetched = wire.filter(({ path }) => path.endsWith('/.well-known/jwks.json')).length
          expect(fetched).toBe(KEEPS_NO_KEYS.includes(verifier.name) ? TOKENS : 1)
          fetches.set(verifier.name, fetched)
        } finally {
          await close?.()
        }
      },
    )

    /** @returns "works", or why the right token is refused; throws when a wrong one is taken */
    async function outcomeOf(verifier: InteroperableVerifier, made: Tokens | undefined): Promise<string> {
      if (made === undefined) throw new Error('no tokens of that kind were made')
      const { verify, close } = await verifier.open(made.api)
      const outcome = (token: string) =>
        verify(token).then(
          (claims) => {
            expect(claims).toMatchObject({ iss: made.api.issuer, aud: made.api.audience, sub: CALLER })
            return 'works'
          },
          (error: unknown) => stable(error),
        )
      try {
        const right = await outcome(made.valid)
        const wrong = await Promise.all([made.tampered, made.foreign, made.expired].map(outcome))
        expect(wrong).not.toContain('works')
        // Each for a reason of its own: what refuses all for one reason has seen none of theirs.
        if (right === 'works') expect(new Set(wrong).size).toBe(3)
        return right
      } finally {
        await close?.()
      }
    }
  })

  it(`${DOCUMENT} says what happened`, () => {
    if (
      clientCells.size < CLIENTS.length ||
      verifierCells.size < VERIFIERS.length * KINDS.length ||
      fetches.size < VERIFIERS.length
    ) {
      throw new Error(
        'nothing to compare with: not every cell was run, or not each did what is expected of it',
      )
    }
    const text = writeDocument(clientCells, verifierCells, fetches)
    if (process.env['UPDATE_DOCS'] === '1') saveDocument(text)
    if (readDocument() !== text) {
      throw new Error(
        `${DOCUMENT} is out of date: UPDATE_DOCS=1 npx jest test/interoperability, and read the diff`,
      )
    }
  })
})

/** What a library says, without what differs from run to run. */
function stable(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(/\{.*\}|eyJ[\w.-]+|\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…').slice(0, 120)
}
