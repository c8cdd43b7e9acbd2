/** `regent audit verify`, as an operator runs it: what it says, and what it ends with. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { MASTER_KEYS, openWorld, type World } from '../support/world.ts'
import { runCommand } from '../support/command.ts'

describe('regent audit verify', () => {
  let world: World
  let environment: Record<string, string>
  const folder = mkdtempSync(join(tmpdir(), 'regent-audit-'))

  beforeAll(async () => {
    world = await openWorld()
    await world.workspace('https://acme.token.example/orders')
    environment = {
      DATABASE_URL: world.urls.login,
      REGENT_MASTER_KEYS: MASTER_KEYS,
      REGENT_ORIGIN: 'https://token.example',
    }
  })
  afterAll(() => world.close())

  const verify = (...args: readonly string[]) =>
    runCommand(['audit', 'verify', '--tenant', 'acme', ...args], environment)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }

  it('says that a trail is whole, and gives a checkpoint that it takes the next time', async () => {
    const { code, out } = await verify()
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^\d+ events, each as it was written[^]*Checkpoint/),
    ])
    const json = await verify('--json')
    const again = await verify('--checkpoint', file('verdict.json', json.out))
    expect([again.code, again.out]).toEqual([
      0,
      expect.stringMatching(/were there when the checkpoint was made/),
    ])
  })

  it('ends with 1, and says where it shows, once somebody changed an event', async () => {
    await world.superuser(`update regent.audit_event set actor = 'nobody' where sequence = 2`)
    const { code, out } = await verify()
    expect([code, out]).toEqual([1, expect.stringMatching(/^event 2: .*changed[^]*tampered/)])
  })

  it.each([
    ['a tenant that is not there', ['--tenant', 'nobody'], /Region none has no tenant nobody/],
    [
      'a region without a database',
      ['--region', 'us'],
      /No database is configured for region us: set DATABASE_URL_US/,
    ],
    ['a region that is none', ['--region', 'mars'], /--region takes one of/],
    ['a file that is not there', ['--checkpoint', '/nowhere'], /cannot be read/],
    ['a file that is no checkpoint', ['--checkpoint', file('empty.json', '{}')], /holds no checkpoint/],
  ])('says what to mend: %s', async (_what, args, message) => {
    const { code, err } = await verify(...args)
    expect([code, err]).toEqual([1, expect.stringMatching(message)])
  })
})
