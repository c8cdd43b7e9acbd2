/** `regent bootstrap`, as an operator runs it on a database that has just been migrated. */
import request from 'supertest'
import { runCommand } from '../support/command.ts'
import { noteSecret } from '../support/noted-secrets.ts'
import { encodeForm, MASTER_KEYS, openWorld, type World } from '../support/world.ts'

type Operator = { region: string; resource: string; issuer: string; clientId: string; secret: string }

describe('regent bootstrap', () => {
  let world: World
  let environment: Record<string, string>

  beforeAll(async () => {
    world = await openWorld()
    environment = {
      DATABASE_URL: world.urls.login,
      DATABASE_URL_EU: 'default',
      REGENT_MASTER_KEYS: MASTER_KEYS,
      REGENT_ORIGIN: 'https://token.example',
    }
  })
  afterAll(() => world.close())

  const run = async (...args: readonly string[]) => {
    const said = await runCommand(['bootstrap', ...args], environment)
    for (const [, secret = ''] of said.out.matchAll(/(rgs_[\w-]{66})/g)) noteSecret('client secret', secret)
    return said
  }
  const token = ({ issuer, clientId, secret }: Operator) => {
    const { host, pathname } = new URL(issuer)
    return request(world.server)
      .post(`${pathname}/oauth2/token`)
      .set({ Host: host, 'Content-Type': 'application/x-www-form-urlencoded' })
      .send(encodeForm({ grant_type: 'client_credentials', client_id: clientId, client_secret: secret }))
  }

  it('makes an operator of each region, whose secret gets tokens for the API of that region', async () => {
    const { code, out } = await run('--json')
    expect(code).toBe(0)
    const operators = JSON.parse(out) as Operator[]
    expect(operators.map(({ region, resource, issuer }) => [region, resource, issuer])).toEqual([
      ['none', 'https://token.example/api/system', 'https://system.token.example/system/admin'],
      ['eu', 'https://eu.token.example/api/system', 'https://system.eu.token.example/system/admin'],
    ])
    for (const operator of operators) {
      const { body } = await token(operator).expect(200)
      const [, payload = ''] = (body as { access_token: string }).access_token.split('.')
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>
      expect(claims.aud).toBe(operator.resource)
      expect(claims.scope).toMatch(/tenants:write/)
    }
  })

  it('changes nothing when it is run again, and says how a lost secret is mended', async () => {
    const { code, out, err } = await run()
    expect([code, out]).toEqual([0, ''])
    expect(err).toMatch(/eu: there is an operator already\. If its secret is lost: --recover/)
  })

  it('makes another operator where all secrets are lost, and the trail says so', async () => {
    const { code, out } = await run('--recover', '--region', 'eu', '--json')
    expect(code).toBe(0)
    const [recovered] = JSON.parse(out) as Operator[]
    if (recovered === undefined) throw new Error('there is one')
    await token(recovered).expect(200)
    const { rows } = await world.superuser(
      `select subject, actor from regent.audit_event where action = 'operator_recovered'`,
    )
    expect(rows).toEqual([{ subject: recovered.clientId, actor: 'regent bootstrap' }])
  })

  it.each([
    ['--recover without a region', ['--recover'], /--recover needs --region/],
    ['a region that has no database', ['--region', 'us'], /set DATABASE_URL_US/],
  ])('says what to mend: %s', async (_what, args, message) => {
    const { code, err } = await run(...args)
    expect([code, err]).toEqual([1, expect.stringMatching(message)])
  })

  it('refuses to recover where there never was an operator', async () => {
    const empty = await openWorld()
    try {
      const { code, err } = await runCommand(['bootstrap', '--recover', '--region', 'eu'], {
        ...environment,
        DATABASE_URL: empty.urls.login,
      })
      expect([code, err]).toEqual([1, expect.stringMatching(/no operator yet: leave out --recover/)])
    } finally {
      await empty.close()
    }
  })
})
