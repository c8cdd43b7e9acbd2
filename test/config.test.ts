import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig, readConnectionConfig, readServerConfig } from '../src/config.ts'
import { settingCosts } from '../src/config/costs.ts'
import { effectiveVariables } from '../src/config/effective.ts'
import { REGIONS, type Region } from '../src/tenancy/region.ts'
import { certificateAuthority } from './support/certificates.ts'

const LOCAL = 'postgres://regent@127.0.0.1/regent'
const FAR = 'postgres://regent:very-secret@db.example.com/regent'
const KEY = Buffer.alloc(32, 1).toString('base64')

/** `.env.example` has a line for each variable: the server's, and behind them the command line's. */
const [ofServer = '', ofCommands = ''] = readFileSync('.env.example', 'utf8').split('# --- the command line')
const namesIn = (text: string) => [...text.matchAll(/^([A-Z_]+)=/gm)].map(([, name = '']) => name)
const explained = namesIn(ofServer)

const faultOf = (environment: Record<string, string>) => {
  try {
    readConfig({}, environment)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('the configuration', () => {
  it('needs nothing, and means this machine and the embedded database then', () => {
    const { databases, redisUrls, ...config } = readConfig({}, {})
    expect([databases.size, redisUrls.size]).toEqual([0, 0])
    expect(config).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      origin: { scheme: 'http', baseDomain: 'localhost', port: 8080 },
      databaseConnections: 4,
      databaseTimeout: 1000,
      databaseAuthoritiesFile: undefined,
      prepareStatements: true,
      maxStale: 3600,
      issuance: { mode: 'async', keepDays: 7 },
      memoryEntries: 100_000,
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
      fastLane: true,
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

  it('gives a database its ways beside: for migrations, past a pooler, to a replica; a region that shares it shares them', () => {
    const { databases } = readConfig(
      {},
      {
        DATABASE_URL: LOCAL,
        DATABASE_DIRECT_URL: `${LOCAL}_direct`,
        DATABASE_REPLICA_URL: `${LOCAL}_replica`,
        DATABASE_URL_EU: 'default',
        DATABASE_URL_US: `${LOCAL}_us`,
        DATABASE_REPLICA_URL_US: `${LOCAL}_us_replica`,
      },
    )
    const beside = (region: Region) => {
      const { directUrl, replicaUrl } = databases.get(region) ?? {}
      return [directUrl, replicaUrl]
    }
    expect(beside('none')).toEqual([`${LOCAL}_direct`, `${LOCAL}_replica`])
    expect(beside('eu')).toEqual(beside('none'))
    expect(beside('us')).toEqual([undefined, `${LOCAL}_us_replica`])
  })

  it('serves fewer regions where it is told to, and knows nothing of what the others have', () => {
    const all = {
      DATABASE_URL: LOCAL,
      DATABASE_URL_EU: 'default',
      REDIS_URL: 'redis://127.0.0.1',
      REDIS_URL_EU: 'redis://127.0.0.1/1',
      REGENT_REGIONS: 'eu',
    }
    const { databases, redisUrls } = readConfig({}, all)
    expect([...databases.keys()]).toEqual(['eu'])
    expect([...redisUrls]).toEqual([['eu', 'redis://127.0.0.1/1']])
  })

  it('gives a region the Redis that it is given, and never another region’s unless that is written out', () => {
    const { redisUrls } = readConfig(
      {},
      { REDIS_URL: 'redis://127.0.0.1', REDIS_URL_AU: 'default', REDIS_URL_US: 'rediss://redis.example.com' },
    )
    expect([...redisUrls]).toEqual([
      ['none', 'redis://127.0.0.1'],
      ['au', 'redis://127.0.0.1'],
      ['us', 'rediss://redis.example.com'],
    ])
  })

  it('takes `default` for the Redis of tenants without a region as for no URL', () => {
    expect(faultOf({ REDIS_URL: 'default' })).toMatch(/REDIS_URL must be a Redis URL, as in/)
  })

  it('reads whether statements are prepared, how stale memory may be and how much it holds', () => {
    const given = {
      REGENT_DB_PREPARE: 'off',
      REGENT_MAX_STALE: '60',
      REGENT_MEMORY_ENTRIES: '1000',
      REGENT_FAST_LANE: 'off',
    }
    expect(readConfig({}, given)).toMatchObject({
      prepareStatements: false,
      fastLane: false,
      maxStale: 60,
      memoryEntries: 1000,
    })
  })

  it.each([
    ['PORT', { PORT: '70000' }],
    ['PORT', { PORT: '80a' }],
    ['REGENT_ORIGIN', { REGENT_ORIGIN: 'https://Token.example' }],
    ['REGENT_ORIGIN', { REGENT_ORIGIN: 'https://token.example/path' }],
    ['REGENT_BCRYPT_COST', { REGENT_BCRYPT_COST: '3' }],
    ['REGENT_TRUST_PROXY', { REGENT_TRUST_PROXY: '10.0.0.0/33' }],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
    ['REGENT_ISSUANCE_LOG', { REGENT_ISSUANCE_LOG: 'on' }],
    ['REGENT_ISSUANCE_LOG_DAYS', { REGENT_ISSUANCE_LOG_DAYS: '0' }],
    ['HOST', { HOST: 'http://127.0.0.1' }],
    ['REGENT_OPS_HOST', { REGENT_OPS_HOST: '10.0.0.1:9090' }],
    ['REGENT_OPS_PORT', { PORT: '9090' }],
    ['REGENT_OPS_PORT', { PORT: '9090', HOST: '10.0.0.1', REGENT_OPS_HOST: '::' }],
    ['REGENT_HEADERS_TIMEOUT', { REGENT_HEADERS_TIMEOUT: '11' }],
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
    ['DATABASE_URL', { DATABASE_URL: `${FAR}?sslmode=` }],
    ['DATABASE_URL', { DATABASE_URL: `${FAR}?sslmode=verify_full` }],
    ['DATABASE_URL', { DATABASE_URL: `${FAR}?sslmode=verify-ca` }],
    ['DATABASE_URL', { DATABASE_URL: `${FAR}?sslmode=require&uselibpqcompat=true` }],
    ['DATABASE_URL', { DATABASE_URL: `${LOCAL}?host=db.example.com` }],
    ['DATABASE_URL', { DATABASE_URL: 'default' }],
    ['DATABASE_DIRECT_URL', { DATABASE_URL: LOCAL, DATABASE_DIRECT_URL: FAR }],
    ['DATABASE_REPLICA_URL_EU', { DATABASE_URL_EU: LOCAL, DATABASE_REPLICA_URL_EU: FAR }],
    ['DATABASE_REPLICA_URL', { DATABASE_REPLICA_URL: LOCAL }],
    [
      'DATABASE_ADMIN_URL_EU',
      { DATABASE_URL: LOCAL, DATABASE_URL_EU: 'default', DATABASE_ADMIN_URL_EU: LOCAL },
    ],
    ['DATABASE_CA_FILE', { DATABASE_CA_FILE: '/nowhere/ca.pem' }],
    ['DATABASE_CA_FILE', { DATABASE_CA_FILE: 'package.json' }],
    ['REGENT_DB_PREPARE', { REGENT_DB_PREPARE: 'yes' }],
    ['REGENT_FAST_LANE', { REGENT_FAST_LANE: 'true' }],
    ['REGENT_MAX_STALE', { REGENT_MAX_STALE: '59' }],
    ['REGENT_MAX_STALE', { REGENT_MAX_STALE: '604801' }],
    ['REGENT_MEMORY_ENTRIES', { REGENT_MEMORY_ENTRIES: '999' }],
    ['REDIS_URL', { REDIS_URL: 'http://127.0.0.1' }],
    ['REDIS_URL', { REDIS_URL: 'default' }],
    ['REDIS_URL_EU', { REDIS_URL_EU: 'default' }],
    ['REGENT_REGIONS', { REGENT_REGIONS: 'eu' }],
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

  it('takes one port on two addresses, and headers that may take as long as the request', () => {
    expect(readConfig({}, { PORT: '9090', HOST: '10.0.0.1' }).opsPort).toBe(9090)
    expect(readConfig({}, { REGENT_HEADERS_TIMEOUT: '10' }).limits.headersTimeout).toBe(10_000)
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
    const fault = faultOf(environment)
    expect(fault).toMatch(/3 faults:/)
    expect(fault).not.toContain('very-secret')
  })

  it('says of every fault what would be right, by an example or a remedy', () => {
    const wrong = Object.fromEntries(
      explained.map((name) => [name, name.endsWith('HOST') ? 'w/rong' : 'wrong']),
    )
    const faults = faultOf(wrong).split('\n  - ').slice(1)
    const named = faults.map((fault) => /^[A-Z_]+/.exec(fault)?.[0])
    expect(new Set(named)).toEqual(new Set(explained))
    expect(
      faults.filter(
        (fault) => !/ as in |: set |: name |make one with| must be (?:debug, info|off, async)/.test(fault),
      ),
    ).toEqual([])
    expect(faultOf(wrong)).not.toContain('rong')
  })

  it.each([
    ['off', '7', /nobody can say/],
    ['async', '7', /some 340 bytes a token. At 1000 tokens a second 29 GB a day, and 235 GB in all.*dropped/],
    ['durable', '30', /911 GB in all with REGENT_ISSUANCE_LOG_DAYS=30.*waits for a commit/],
  ])('says what an issuance log costs that is %s and kept for %s days', (mode, days, sentence) => {
    const config = readConfig({}, { REGENT_ISSUANCE_LOG: mode, REGENT_ISSUANCE_LOG_DAYS: days })
    expect(settingCosts(config)).toEqual([expect.stringMatching(sentence)])
  })

  it('of a server needs master keys, and says so beside every other fault', () => {
    expect(() => readServerConfig({ PORT: 'x' })).toThrow(
      /2 faults:\n {2}- PORT must[^]*- REGENT_MASTER_KEYS is not set/,
    )
    expect(() => readServerConfig({ REGENT_MASTER_KEYS: 'x' })).toThrow(
      /has a fault:\n {2}- REGENT_MASTER_KEYS: key 1/,
    )
    expect(readServerConfig({ REGENT_MASTER_KEYS: `2026:${KEY}` }).masterKeys).toHaveLength(1)
  })

  it('is explained variable by variable in .env.example, which holds nothing else', () => {
    const asked = new Set<string>()
    readConfig({}, new Proxy({}, { get: (_, name) => void asked.add(String(name)) }))
    const wanted = [...asked].filter((name) => !name.endsWith('_FILE') || name === 'DATABASE_CA_FILE')
    expect(explained.toSorted()).toEqual(wanted.toSorted())
  })

  it('prints every variable that it reads as it is in effect, passwords and keys masked', () => {
    const url = `${FAR}?sslmode=verify-full&password=very-secret`
    const given = Object.fromEntries(
      explained.flatMap((name) => {
        if (/^DATABASE_[A-Z_]*URL/.test(name)) return [[name, url]]
        return name.startsWith('REDIS_URL') ? [[name, 'rediss://regent:very-secret@redis.example.com']] : []
      }),
    )
    const keys = `2026:${KEY},2025:${Buffer.alloc(32, 2).toString('base64')}`
    const printed = effectiveVariables(readConfig({}, { ...given, REGENT_MASTER_KEYS: keys }))
    expect(Object.keys(printed).toSorted()).toEqual(explained.toSorted())
    expect(JSON.stringify(printed)).not.toContain('very-secret')
    expect(printed).toMatchObject({
      DATABASE_REPLICA_URL_EU: expect.stringContaining('postgres://regent:****@db.example.com/regent'),
      REDIS_URL_US: 'rediss://regent:****@redis.example.com',
      REGENT_MASTER_KEYS: '2026:****,2025:****',
    })
  })

  describe('files', () => {
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'regent-config-'))
    })
    afterAll(() => rmSync(folder, { recursive: true }))
    const write = (text: string) => {
      const path = join(folder, String(Math.random()))
      writeFileSync(path, text)
      return path
    }

    it('every secret may be one: keys, databases, their ways beside, Redis', () => {
      const secrets = explained.filter((name) => /URL|MASTER_KEYS/.test(name))
      expect(secrets.length).toBe(21)
      const given = Object.fromEntries(
        secrets.map((name) => [
          `${name}_FILE`,
          write(
            name.includes('KEYS')
              ? `2026:${KEY}\n`
              : name.includes('REDIS')
                ? 'redis://[::1]\n'
                : `${LOCAL}\n`,
          ),
        ]),
      )
      const config = readConfig({}, given)
      expect(config.masterKeys?.[0].id).toBe('2026')
      for (const region of REGIONS) {
        expect(config.databases.get(region)).toMatchObject({
          url: LOCAL,
          adminUrl: LOCAL,
          directUrl: LOCAL,
          replicaUrl: LOCAL,
        })
        expect(config.redisUrls.get(region)).toBe('redis://[::1]')
      }
    })

    it('an empty one is a fault of its own', () => {
      expect(faultOf({ REGENT_MASTER_KEYS_FILE: write('\n') })).toMatch(
        /has a fault:\n {2}- REGENT_MASTER_KEYS_FILE names an empty file/,
      )
    })

    it('DATABASE_CA_FILE that holds a broken certificate is refused, and which one it is said', () => {
      const { pem } = certificateAuthority('one')
      const broken = pem.replace(/\n[^-]{10}/, '\nAAAAAAAAAA')
      expect(faultOf({ DATABASE_CA_FILE: write(`${pem}\n${broken}`) })).toMatch(
        /DATABASE_CA_FILE: certificate 2 of 2 cannot be read/,
      )
      const file = write(`# ours\n${pem}\n${pem}\n`)
      const { databases } = readConfig({}, { DATABASE_URL: LOCAL, DATABASE_CA_FILE: file })
      expect(databases.get('none')?.authorities?.match(/BEGIN/g)).toHaveLength(2)
    })
  })
})

describe('the connection of the command line', () => {
  const three = {
    REGENT_URL: 'https://acme.example/acme/admin',
    REGENT_CLIENT_ID: 'me',
    REGENT_CLIENT_SECRET: 'very-secret',
  }

  it('is explained variable by variable in .env.example', () => {
    const asked = new Set<string>()
    readConnectionConfig(new Proxy({}, { get: (_, name) => void asked.add(String(name)) }))
    const wanted = [...asked].filter((name) => !name.endsWith('_FILE') || name === 'REGENT_CA_FILE')
    expect(namesIn(ofCommands).toSorted()).toEqual(wanted.toSorted())
  })

  it('takes the three that say where and as whom together, the secret from a file too', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'regent-connection-')), 'secret')
    writeFileSync(file, 'of-the-file\n')
    const { REGENT_CLIENT_SECRET: _, ...two } = three
    const { credentials } = readConnectionConfig({ ...two, REGENT_CLIENT_SECRET_FILE: file })
    expect(credentials).toEqual({ url: three.REGENT_URL, clientId: 'me', clientSecret: 'of-the-file' })
    expect(readConnectionConfig({}).credentials).toBeUndefined()
  })

  it.each(Object.keys(three))('says what is missing, and no secret: %s', (name) => {
    const given = { ...three, [name]: '' }
    expect(() => readConnectionConfig(given)).toThrow(`${name} is not set`)
    expect(() => readConnectionConfig(given)).not.toThrow('very-secret')
  })

  it('keeps profiles where the XDG base directories say, and passes over a relative one', () => {
    expect(readConnectionConfig({ XDG_CONFIG_HOME: '/somewhere' }).folder).toBe('/somewhere/regent')
    expect(readConnectionConfig({ XDG_CONFIG_HOME: 'here' }).folder).toMatch(/^\/.*\.config\/regent$/)
  })
})
