/**
 * nginx and HAProxy as users put them in front: the real programs with our own files from `deploy/`, in which only
 * ports, paths and the domain are others. Each caller comes from an address of its own (127.0.0.0/8 is all loopback on
 * Linux): the proxy tells Regent that address, which ties what arrives to whoever sent it, and no caller's share of
 * requests is used up.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { readText } from '../architecture/source.ts'
import { freePort } from '../support/postgres.ts'

export const PROXIES = ['nginx', 'haproxy'] as const
export type ProxyName = (typeof PROXIES)[number]

type Upstream = { readonly port: number; readonly opsPort: number }
type Place = { readonly port: number; readonly folder: string }

export type Proxy = {
  readonly name: ProxyName
  readonly port: number
  /** Opens a connection from that address; the certificate is asked for by that name. */
  from(caller: string, servername: string): () => Socket
  /** What it wrote to its log. */
  readonly said: () => string
  stop(): Promise<void>
}

const DOMAIN = 'token.example'
const NAMES = ['', 'au.', 'eu.', 'us.'].map((region) => `DNS:*.${region}${DOMAIN}`)

/** Ends the program when this process is gone, in whatever way: then the pipe to its standard input ends. */
const WATCHDOG = '"$@" & program=$!; cat >/dev/null; kill $program; wait $program'

/** Skipped, by its title, where the program is not installed. */
export function describeBehind(name: ProxyName, title: string, suite: () => void): void {
  const run = isInstalled(name) ? describe : describe.skip
  run(`${title}, through ${name}`, suite)
}

let callers = 0
/** An address of this machine that nobody has called from yet. */
export function newCaller(): string {
  callers += 1
  return `127.${64 + Math.floor(callers / 65_536)}.${Math.floor(callers / 256) % 256}.${callers % 256}`
}

export async function startProxy(name: ProxyName, upstream: Upstream): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), `regent-${name}-`))
  // Workers drop their privileges, and buffer in it.
  chmodSync(folder, 0o755)
  makeCertificate(folder)
  const port = await freePort()
  const [program, args] =
    name === 'nginx' ? nginx({ port, folder }, upstream) : haproxy({ port, folder }, upstream)
  const child = spawn('sh', ['-c', WATCHDOG, 'sh', program, ...args], { stdio: 'pipe' })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const closed = once(child, 'close')
  const stop = async () => {
    child.stdin.end()
    await closed
    rmSync(folder, { recursive: true })
  }
  const certificate = readFileSync(join(folder, 'fullchain.pem'))
  const deadline = Date.now() + 30_000
  while (!(await isOpen(port))) {
    if (Date.now() > deadline) throw new Error(`${name} does not listen:\n${said}`)
    await sleep(50)
  }
  return {
    name,
    port,
    from: (localAddress, servername) => () =>
      connectTls({ socket: connect({ port, host: '127.0.0.1', localAddress }), servername, ca: certificate }),
    said: () => said,
    stop,
  }
}

function nginx({ port, folder }: Place, upstream: Upstream): readonly [string, readonly string[]] {
  const text = adapt(readText('deploy/nginx.conf'), [
    ['listen 443 ', `listen 127.0.0.1:${port} `],
    ['server 127.0.0.1:8080 ', `server 127.0.0.1:${upstream.port} `],
    ['/etc/regent/tls', folder],
    ['authz.example.com', DOMAIN],
    [
      'http {\n',
      `http {\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};\n`).join('')}`,
    ],
  ])
  writeFileSync(join(folder, 'nginx.conf'), text)
  const settings = `daemon off; pid ${folder}/nginx.pid;`
  return ['nginx', ['-e', 'stderr', '-c', join(folder, 'nginx.conf'), '-g', settings]]
}

function haproxy({ port, folder }: Place, upstream: Upstream): readonly [string, readonly string[]] {
  const text = adapt(readText('deploy/haproxy.cfg'), [
    ['bind :443 ', `bind 127.0.0.1:${port} `],
    ['/etc/regent/tls', folder],
    ['10.0.0.11:8080', `127.0.0.1:${upstream.port}`],
    ['10.0.0.12:8080', `127.0.0.1:${upstream.port}`],
    ['check port 9090 ', `check port ${upstream.opsPort} `],
  ])
  writeFileSync(join(folder, 'haproxy.cfg'), text)
  return ['haproxy', ['-f', join(folder, 'haproxy.cfg')]]
}

/** @throws when there is nothing to replace: the file has changed, and what runs would no longer be it */
function adapt(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`'${from}' is not in the file`)
    return before.replaceAll(from, to)
  }, text)
}

function makeCertificate(folder: string): void {
  const [key, chain] = [join(folder, 'privkey.pem'), join(folder, 'fullchain.pem')]
  const fresh = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ]
  const names = ['-subj', `/CN=${DOMAIN}`, '-addext', `subjectAltName=${NAMES.join(',')}`]
  execFileSync('openssl', [...fresh, ...names, '-keyout', key, '-out', chain], { stdio: 'pipe' })
  writeFileSync(join(folder, 'regent.pem'), readFileSync(chain, 'utf8') + readFileSync(key, 'utf8'))
}

function isInstalled(name: ProxyName): boolean {
  const runs = (program: string, args: readonly string[]) => spawnSync(program, args).status === 0
  return process.platform === 'linux' && runs(name, ['-v']) && runs('openssl', ['version'])
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
