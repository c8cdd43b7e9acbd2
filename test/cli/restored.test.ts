/** What `regent restored` ends again, and what it takes for a trail. The command as a whole: test/guides/backup-and-restore. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeEnding, endingsOf } from '../../src/cli/restored/endings.ts'
import { readExport, readLog, type LostChange } from '../../src/cli/restored/trail.ts'
import { runCommand } from '../support/command.ts'
import { MASTER_KEYS, openWorld, type World } from '../support/world.ts'

const BACKUP = Date.parse('2026-11-26T02:00:00Z')
const WORKSPACE = '00000000-0000-4000-8000-000000000000'
const OTHER = '00000000-0000-4000-8000-000000000001'

let minutes = 0
const changed = (action: string, subject: string, more: Partial<LostChange> = {}): LostChange => ({
  at: BACKUP + (minutes += 1) * 60_000,
  tenant: 'acme',
  action,
  subject,
  ...(!action.startsWith('tenant') && { workspaceId: WORKSPACE }),
  ...more,
})
const ends = (...lost: readonly LostChange[]) => endingsOf(lost).map(describeEnding)

describe('what had ended', () => {
  it.each<[string, readonly LostChange[], readonly string[]]>([
    [
      'a tenant that was resumed has not',
      [changed('tenant_suspended', 'acme'), changed('tenant_resumed', 'acme')],
      [],
    ],
    [
      'a tenant whose deletion was undone is suspended',
      [changed('tenant_deleted', 'acme'), changed('tenant_restored', 'acme')],
      ['tenant acme: suspended'],
    ],
    [
      'a workspace that was disabled, then deleted, is deleted',
      [changed('workspace_disabled', 'shop'), changed('workspace_deleted', 'shop')],
      [`acme, workspace ${WORKSPACE}: deleted`],
    ],
    [
      'a client that was disabled and enabled again has not',
      [changed('client_disabled', 'robot'), changed('client_enabled', 'robot')],
      [],
    ],
    [
      'the same client id in another workspace is another client',
      [changed('client_disabled', 'robot'), changed('client_enabled', 'robot', { workspaceId: OTHER })],
      ['acme, client robot: disabled'],
    ],
    [
      'a scope that was granted again has not, another one has',
      [
        changed('scopes_withdrawn', 'robot', { scopes: ['read', 'write'] }),
        changed('scopes_granted', 'robot', { scopes: ['read'] }),
      ],
      ['acme, client robot, scope write: withdrawn'],
    ],
    [
      'a revoked secret has for ever',
      [changed('credential_revoked', 'robot', { credentialId: 'c1' }), changed('secret_created', 'robot')],
      ['acme, client robot, credential c1: revoked'],
    ],
    [
      'a revoked key has, a key that took its turn has not',
      [changed('keys_changed', 'k1', { kid: 'k1' }), changed('keys_changed', 'shop')],
      ['acme, key k1: revoked'],
    ],
  ])('%s', (_, lost, expected) => {
    expect(ends(...lost)).toEqual(expected)
    // Logs of several servers are read one after the other: when it happened counts, not where it stood.
    expect(ends(...lost.toReversed())).toEqual(expected)
  })
})

describe('a trail', () => {
  const line = (more: object) =>
    JSON.stringify({ event: 'change_made', region: 'eu', tenant: 'acme', action: 'a', subject: 's', ...more })

  it('of the log: changes of the region since the backup; other lines, and what is no line, are passed over', () => {
    const text = [
      line({ time: '2026-11-26T01:59:59.999Z' }),
      line({ time: '2026-11-26T02:00:00.001Z', credentialId: 'c1' }),
      line({ time: '2026-11-26T02:00:00.001Z', region: 'us' }),
      '{"event":"listening","time":"2026-11-26T03:00:00Z"}',
      'null',
      '{"event":"change_made","time":"2026-11-26T03:',
    ].join('\n')
    expect(readLog('a.log', text, 'eu', BACKUP)).toEqual([
      { at: BACKUP + 1, tenant: 'acme', action: 'a', subject: 's', credentialId: 'c1' },
    ])
  })

  it('of exported events: what they are about stands in their details', () => {
    const event = {
      sequence: 7,
      occurred_at: '2026-11-26T02:00:01Z',
      action: 'credential_revoked',
      subject: 'robot',
      workspace_id: WORKSPACE,
      details: { credentialId: 'c1' },
    }
    const [read] = readExport('acme.ndjson', JSON.stringify(event), 'acme', BACKUP)
    expect(read).toMatchObject({ tenant: 'acme', workspaceId: WORKSPACE, credentialId: 'c1' })
  })
})

describe('regent restored', () => {
  let world: World
  const folder = mkdtempSync(join(tmpdir(), 'regent-restored-'))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const SINCE = ['--revoke-since', '2026-11-26T02:00:00Z']
  it.each<[string, () => readonly string[], RegExp]>([
    ['a moment without its zone', () => ['--revoke-since', '2026-11-26T02:00:00'], /a moment with its zone/],
    ['nothing that knows what was lost', () => SINCE, /does not know what it has lost/],
    ['a file that is not there', () => [...SINCE, '--log', '/nowhere'], /\/nowhere cannot be read/],
    [
      'a file that is no log',
      () => [...SINCE, '--log', file('text', 'hello\n')],
      /no line of it is one of Regent/,
    ],
    ['an export of nobody', () => [...SINCE, '--audit', file('events', '{}\n')], /--audit takes tenant=file/],
    [
      'endings, without a yes or somebody to ask',
      () => {
        const change = changed('tenant_suspended', 'acme')
        const logged = { event: 'change_made', time: new Date(change.at).toISOString(), region: 'none' }
        return [...SINCE, '--log', file('log', JSON.stringify({ ...change, ...logged }))]
      },
      /1 things were ended[^]*say --yes/,
    ],
  ])('refuses %s, and ends nothing', async (_, args, said) => {
    const before = await world.superuser('select number from regent.change_counter')
    const { code, err } = await runCommand(['restored', ...args()], {
      DATABASE_URL: world.urls.login,
      REGENT_MASTER_KEYS: MASTER_KEYS,
      REGENT_ORIGIN: 'https://token.example',
    })
    expect([code, err]).toEqual([1, expect.stringMatching(said)])
    expect((await world.superuser('select number from regent.change_counter')).rows).toEqual(before.rows)
  })
})
