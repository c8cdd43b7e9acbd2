/** A node that ends TLS itself: what it speaks, whom it turns away, and a certificate that is replaced while it runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { certificateAuthority, type Certificate } from '../support/certificates.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { createDatabase, freePort } from '../support/postgres.ts'

type Client = { issuer: string; clientId: string; secret: string }

describe('regent serve with a certificate', () => {
  const authority = certificateAuthority('tests')
  let folder: string
  let home: Awaited<ReturnType<typeof createDatabase>>
  let environment: Record<string, string>
  let regent: ReturnType<typeof startCommand>
  let client: Client
  let port: number
  let opsPort: number

  const place = ({ pem, key }: Certificate) => {
    writeFileSync(join(folder, 'tls.crt'), pem)
    writeFileSync(join(folder, 'tls.key'), key)
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'regent-tls-'))
    home = await createDatabase()
    port = await freePort()
    opsPort = await freePort()
    place(authority.sign('acme.eu.token.example'))
    environment = {
      PORT: String(port),
      REGENT_OPS_PORT: String(opsPort),
      REGENT_ORIGIN: 'https://token.example',
      REGENT_TLS_CERT: join(folder, 'tls.crt'),
      REGENT_TLS_KEY: join(folder, 'tls.key'),
      DATABASE_URL: home.url,
      DATABASE_ADMIN_URL: home.adminUrl,
      DATABASE_URL_EU: 'default',
      REGENT_MASTER_KEYS: `tls:${Buffer.alloc(32, 5).toString('base64')}`,
      REGENT_BCRYPT_COST: '4',
      REGENT_DB_TIMEOUT: '10000',
      REGENT_DRAIN: '0',
    }
    for (const command of ['roles', 'up'])
      expect((await runCommand(['migrate', command], environment)).code).toBe(0)
    client = (JSON.parse((await runCommand(['demo', '--json'], environment)).out) as Client[])[0] as Client
    regent = startCommand(['serve'], environment)
    await regent.says('server_started')
  }, 120_000)
  afterAll(async () => {
    regent.kill('SIGTERM')
    expect(await regent.ended).toBe(0)
    await home.drop()
    rmSync(folder, { recursive: true })
  })

  const token = () =>
    new Promise<{ status: number | undefined; hsts: unknown }>((resolve, reject) => {
      const { hostname, pathname } = new URL(client.issuer)
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.clientId,
        client_secret: client.secret,
      }).toString()
      const asked = request(
        {
          host: '127.0.0.1',
          port,
          servername: hostname,
          ca: authority.pem,
          method: 'POST',
          path: `${pathname}/oauth2/token`,
          headers: {
            Host: hostname,
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': form.length,
          },
        },
        (response) => {
          response.resume()
          response.on('end', () =>
            resolve({
              status: response.statusCode,
              hsts: response.headers['strict-transport-security'],
            }),
          )
        },
      )
      asked.on('error', reject)
      asked.end(form)
    })

  type Shaken = { serial: string; version: string | null; reused: boolean; session: Buffer | undefined }
  const shake = (options: { session?: Buffer | undefined; maxVersion?: SecureVersion } = {}) =>
    new Promise<Shaken>((resolve, reject) => {
      let session: Buffer | undefined
      const socket: TLSSocket = connect({
        host: '127.0.0.1',
        port,
        servername: 'acme.eu.token.example',
        ca: authority.pem,
        minVersion: 'TLSv1',
        ...options,
      })
      socket.on('session', (given) => (session = given))
      socket.on('error', reject)
      socket.on('secureConnect', () => {
        const { serialNumber: serial } = socket.getPeerCertificate()
        const [version, reused] = [socket.getProtocol(), socket.isSessionReused()]
        // In TLS 1.3 a ticket comes with what is answered.
        socket.write('GET / HTTP/1.1\r\nHost: acme.eu.token.example\r\n\r\n')
        socket.once('data', () => {
          socket.destroy()
          resolve({ serial, version, reused, session })
        })
      })
    })
  const lines = (event: string) => regent.said.out.split('\n').filter((line) => line.includes(event))
  const until = async (reached: () => boolean) => {
    for (const deadline = Date.now() + 20_000; !reached(); await sleep(10))
      if (Date.now() > deadline) throw new Error(`it has not come to that: ${regent.said.out}`)
  }

  it('issues tokens over TLS, and says that nothing else is to be used (RFC 6797)', async () => {
    const { status, hsts } = await token()
    expect(status).toBe(200)
    expect(hsts).toMatch(/max-age=/)
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s, and resumes a session', async (version) => {
    const first = await shake({ maxVersion: version })
    expect(first).toMatchObject({ version, reused: false })
    expect(await shake({ maxVersion: version, session: first.session })).toMatchObject({ reused: true })
  })

  it('does not speak TLS 1.1', async () => {
    await expect(shake({ maxVersion: 'TLSv1.1' })).rejects.toThrow(/alert|protocol/)
  })

  it('closes what speaks no TLS, and goes on', async () => {
    for (const words of [
      'GET / HTTP/1.1\r\nHost: acme.eu.token.example\r\n\r\n',
      '\u0016\u0003\u0001\u0000\u0002xx',
      '',
    ]) {
      const socket = connectTcp(port, '127.0.0.1')
      const closed = new Promise((resolve) => socket.on('close', resolve))
      let said = ''
      socket.on('data', (data) => (said += data.toString('latin1')))
      socket.on('error', () => {})
      if (words === '') socket.on('connect', () => socket.resetAndDestroy())
      else socket.write(words, 'latin1')
      await closed
      expect(said).not.toContain('HTTP/')
    }
    expect((await token()).status).toBe(200)
  })

  it('takes another certificate at SIGHUP, for new connections', async () => {
    const before = await shake()
    place(authority.sign('acme.eu.token.example'))
    regent.kill('SIGHUP')
    await until(() => lines('certificate_replaced').length === 1)
    const after = await shake()
    expect(after.serial).not.toBe(before.serial)
    expect((await token()).status).toBe(200)
  })

  it('keeps the one that it has when the new pair cannot be used, and says why', async () => {
    const before = await shake()
    writeFileSync(join(folder, 'tls.key'), authority.sign('acme.eu.token.example').key)
    regent.kill('SIGHUP')
    await until(() => lines('REGENT_TLS_KEY is not the key of').length === 1)
    expect((await shake()).serial).toBe(before.serial)
    expect((await token()).status).toBe(200)
  })

  it('says in its metrics how many days the certificate has (T79)', async () => {
    const text = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()
    const [, days] = /^regent_tls_certificate_days (\S+)$/m.exec(text) ?? []
    expect(Number(days)).toBeGreaterThan(0.9)
    expect(Number(days)).toBeLessThanOrEqual(1)
  })

  it.each([
    ['the key of another certificate', { REGENT_TLS_KEY: 'other.key' }, 'REGENT_TLS_KEY is not the key of'],
    ['no key', { REGENT_TLS_KEY: '' }, 'REGENT_TLS_KEY is not set and REGENT_TLS_CERT is'],
    ['no certificate', { REGENT_TLS_CERT: '' }, 'REGENT_TLS_CERT is not set and REGENT_TLS_KEY is'],
    ['a file that is not there', { REGENT_TLS_CERT: 'none' }, 'REGENT_TLS_CERT cannot be read (ENOENT)'],
    ['a file without a certificate', { REGENT_TLS_CERT: 'tls.key' }, 'REGENT_TLS_CERT holds no certificate'],
    ['a file without a key', { REGENT_TLS_KEY: 'tls.crt' }, 'REGENT_TLS_KEY cannot be read ('],
    [
      'an origin without TLS',
      { REGENT_ORIGIN: 'http://token.example' },
      'REGENT_ORIGIN must begin with https://',
    ],
  ])('does not start with %s', async (_, more: Record<string, string>, fault) => {
    const pair = authority.sign('acme.eu.token.example')
    place(pair)
    writeFileSync(join(folder, 'other.key'), authority.sign('other.example').key)
    const inFolder = Object.entries(more).map(([name, value]) => [
      name,
      name.startsWith('REGENT_TLS') && value !== '' ? join(folder, value) : value,
    ])
    const { code, err } = await runCommand(['serve'], { ...environment, ...Object.fromEntries(inFolder) })
    expect(code).toBe(1)
    expect(err).toContain(fault)
    expect(err).not.toContain('PRIVATE KEY')
  })
})
