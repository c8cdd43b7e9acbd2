import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { effectiveVariables, readConfig } from '../src/config.ts'

const LOCAL = 'postgres://regent@127.0.0.1/regent'
const KEY = Buffer.alloc(32, 1).toString('base64')

describe('the configuration', () => {
  it('needs nothing, and means this machine and the embedded database then', () => {
    const { databases, ...config } = readConfig({}, {})
    expect(databases.size).toBe(0)
    expect(config).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      origin: { scheme: 'http', baseDomain: 'localhost', port: 8080 },
      databaseConnections: 4,
      databaseTimeout: 1000,
      bcryptCost: 10,
      masterKeys: undefined,
      trustedProxies: [],
      opsHost: '127.0.0.1',
      opsPort: 9090,
      drain: 5000,
      limits: {
        keepAliveTimeout: 75_000,
        headersTimeout: 5000,
        requestTimeout: 10_000,
        maxConnections: 10_000,
      },
      logLevel: 'info',
    })
  })

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({}, { PORT: '', DATABASE_URL: '', REGENT_MASTER_KEYS: '' }).port).toBe(8080)
  })

  it('gives a region the database that it is given, or the default one where that is written out', () => {
    const { databases } = readConfig(
      {},
      {
        DATABASE_URL: LOCAL,
        DATABASE_URL_EU: 'default',
        DATABASE_URL_US: `${LOCAL}_us`,
        DATABASE_ADMIN_URL_US: `${LOCAL}_dba`,
      },
    )
    expect(
      [...databases].map(([region, { url, variable, adminVariable }]) => [
        region,
        url,
        variable,
        adminVariable,
      ]),
    ).toEqual([
      ['none', LOCAL, 'DATABASE_URL', 'DATABASE_URL'],
      ['eu', LOCAL, 'DATABASE_URL', 'DATABASE_URL'],
      ['us', `${LOCAL}_us`, 'DATABASE_URL_US', 'DATABASE_ADMIN_URL_US'],
    ])
  })

  it('serves fewer regions where it is told to', () => {
    const all = { DATABASE_URL: LOCAL, DATABASE_URL_EU: 'default', REGENT_REGIONS: 'eu' }
    expect([...readConfig({}, all).databases.keys()]).toEqual(['eu'])
  })

  it.each([
    ['PORT', { PORT: '70000' }],
    ['PORT', { PORT: '80a' }],
    ['REGENT_ORIGIN', { REGENT_ORIGIN: 'https://Token.example' }],
    ['REGENT_ORIGIN', { REGENT_ORIGIN: 'https://token.example/path' }],
    ['REGENT_BCRYPT_COST', { REGENT_BCRYPT_COST: '3' }],
    ['REGENT_TRUST_PROXY', { REGENT_TRUST_PROXY: '10.0.0.0/33' }],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
    ['REGENT_DRAIN', { REGENT_DRAIN: '26' }],
    ['REGENT_OPS_PORT', { REGENT_OPS_PORT: '0' }],
    ['REGENT_KEEP_ALIVE_TIMEOUT', { REGENT_KEEP_ALIVE_TIMEOUT: '75s' }],
    ['DATABASE_URL', { DATABASE_URL: 'mysql://x' }],
    ['DATABASE_URL', { DATABASE_URL: 'not a url' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://regent@db.example.com/regent' }],
    [
      'DATABASE_ADMIN_URL',
      { DATABASE_URL: LOCAL, DATABASE_ADMIN_URL: 'postgres://dba@db.example.com/regent' },
    ],
    ['DATABASE_URL_EU', { DATABASE_URL_EU: 'default' }],
    ['REGENT_REGIONS', { DATABASE_URL: LOCAL, REGENT_REGIONS: 'eu' }],
    ['REGENT_REGIONS', { DATABASE_URL: LOCAL, REGENT_REGIONS: 'mars' }],
    ['REGENT_MASTER_KEYS', { REGENT_MASTER_KEYS: KEY }],
    ['REGENT_MASTER_KEYS', { REGENT_MASTER_KEYS: `a:${KEY},a:${KEY}` }],
    ['REGENT_MASTER_KEYS', { REGENT_MASTER_KEYS: 'a:c2hvcnQ=' }],
    ['REGENT_MASTER_KEYS_FILE', { REGENT_MASTER_KEYS_FILE: '/nowhere/keys' }],
    ['REGENT_MASTER_KEYS', { REGENT_MASTER_KEYS: `a:${KEY}`, REGENT_MASTER_KEYS_FILE: '/nowhere/keys' }],
  ])('names %s when it is wrong, and what would be right: %j', (variable, environment) => {
    expect(() => readConfig({}, environment)).toThrow(
      expect.objectContaining({
        name: 'OperatorError',
        message: expect.stringMatching(new RegExp(`has a fault:\n  - ${variable}\\b`)),
      }),
    )
  })

  it('takes an unencrypted database beyond this machine when that is written out', () => {
    expect(
      readConfig({}, { DATABASE_URL: 'postgres://regent@db.example.com/regent?sslmode=disable' }).databases
        .size,
    ).toBe(1)
  })

  it('names all faults at once, and never a secret', () => {
    const environment = {
      PORT: 'x',
      REGENT_MASTER_KEYS: 'k:very-secret',
      DATABASE_URL: 'postgres://u:very-secret@db.example.com/x',
    }
    const fault = (() => {
      try {
        return readConfig({}, environment)
      } catch (error) {
        return (error as Error).message
      }
    })()
    expect(fault).toMatch(/3 faults:/)
    expect(fault).not.toContain('very-secret')
  })

  it('is explained variable by variable in .env.example, and holds nothing else', () => {
    const asked = new Set<string>()
    const spy = (name: string) => {
      asked.add(name)
      return name === 'DATABASE_URL' ? LOCAL : undefined
    }
    readConfig({}, new Proxy({}, { get: (_, name) => spy(String(name)) }))
    const explained = readFileSync('.env.example', 'utf8').matchAll(/^([A-Z_]+)=/gm)
    const wanted = [...asked].filter((name) => !name.endsWith('_FILE'))
    // Asked for only where a region has a database of its own.
    const more = ['AU', 'EU', 'US'].map((region) => `DATABASE_ADMIN_URL_${region}`)
    expect([...explained].map(([, name]) => name).toSorted()).toEqual([...wanted, ...more].toSorted())
  })

  it('prints every variable that it reads as it is in effect, passwords and keys masked', () => {
    const given = {
      DATABASE_URL:
        'postgres://regent:very-secret@db.example.com/regent?sslmode=verify-full&password=very-secret',
      DATABASE_URL_EU: 'default',
      REGENT_MASTER_KEYS: `2026:${KEY},2025:${Buffer.alloc(32, 2).toString('base64')}`,
    }
    const printed = effectiveVariables(readConfig({}, given))
    expect(JSON.stringify(printed)).not.toContain('very-secret')
    expect(printed).toMatchObject({
      DATABASE_URL_EU: expect.stringContaining('postgres://regent:****@db.example.com/regent'),
      REGENT_MASTER_KEYS: '2026:****,2025:****',
    })
    const explained = [...readFileSync('.env.example', 'utf8').matchAll(/^([A-Z_]+)=/gm)].map(
      ([, name = '']) => name,
    )
    const missing = explained.filter(
      (name) => !(name in printed) && !/^DATABASE_(?:ADMIN_)?URL_(?:AU|US)$/.test(name),
    )
    expect(missing).toEqual([])
  })

  it('reads a secret from a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'regent-config-'))
    try {
      writeFileSync(join(folder, 'keys'), `2026:${KEY}\n`)
      const { masterKeys } = readConfig({}, { REGENT_MASTER_KEYS_FILE: join(folder, 'keys') })
      expect(masterKeys?.[0].id).toBe('2026')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
