/**
 * The deployment files agree with the project and with each other: variables, ports, paths, users, grace. No container
 * engine reads them here; the other tests of this folder run the commands in them.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readConfig } from '../../src/config.ts'
import { readText } from '../architecture/source.ts'
import {
  environmentOf,
  isRegent,
  lastInstruction,
  manifest,
  readCompose,
  readDockerfile,
  readEnvironmentFile,
  readGuide,
  readManifests,
  type Container,
  type Environment,
  type Service,
} from './files.ts'

const root = resolve(__dirname, '../..')
const project = JSON.parse(readText('package.json')) as { version: string; bin: { regent: string } }
const { services, secrets } = readCompose()
const ours = Object.entries(services).filter(([, service]) => isRegent(service))
const pods = readManifests().flatMap(({ kind, spec }) => (spec?.template ? [{ kind, ...spec.template }] : []))
const containers = pods.flatMap(({ spec }) =>
  [...(spec.initContainers ?? []), ...spec.containers].map((container) => ({ pod: spec, container })),
)
const deployment = manifest('Deployment')
const server = deployment.spec.template.spec.containers[0] as Container
const defaults = readConfig({}, {})

/** Seconds from the signal until a process that stops in order is gone: requests, the ops port, the log. */
const STOP =
  Number(/PATIENCE = (\d+)_000/.exec(readText('src/server/stop-server.ts'))?.[1]) +
  Number(/GRACE = (\d)000/.exec(readText('src/cli/listen.ts'))?.[1]) +
  Number(/SECOND = (\d)000/.exec(readText('src/observe/log.ts'))?.[1])

const secretKeys = (secret: string) => Object.keys(manifest('Secret', secret).stringData ?? {})

/** All that it asks for, whatever is set. */
function namesThatConfigReads(): ReadonlySet<string> {
  const names = new Set<string>()
  const environment = new Proxy<Environment>(
    {},
    {
      get(_, name) {
        names.add(String(name))
        return undefined
      },
    },
  )
  readConfig({}, environment)
  return names
}

describe('variables', () => {
  const environments: [string, Environment][] = [
    ...ours.map(([name, { environment }]): [string, Environment] => [`compose: ${name}`, environment]),
    ...containers.map(({ container }): [string, Environment] => [
      `kubernetes: ${container.name}`,
      environmentOf(container),
    ]),
    ['guide: first-deployment', readGuide('first-deployment').environmentFile],
    ['guide: first-deployment, exported', readGuide('first-deployment').exported],
    ['guide: add-a-region', readGuide('add-a-region').environmentFile],
    ['guide: add-a-region, exported', readGuide('add-a-region').exported],
  ]
  const documented = Object.keys(readEnvironmentFile(readText('.env.example')))
  const isDocumented = (name: string) =>
    documented.includes(name) || documented.includes(name.replace(/_FILE$/, ''))
  const read = namesThatConfigReads()

  it.each(environments)('%s: each is documented, and read by src/config.ts', (_where, environment) => {
    const names = Object.keys(environment)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !isDocumented(name))).toEqual([])
    expect(names.filter((name) => !read.has(name))).toEqual([])
  })

  it('the image and the unit set only what Node itself reads', () => {
    const inImage = readDockerfile().filter(({ instruction }) => instruction === 'ENV')
    expect(inImage).toEqual([{ instruction: 'ENV', rest: 'NODE_ENV=production' }])
    const unit = readText('deploy/regent.service')
    expect(unit.match(/^Environment=.*$/gm)).toEqual(['Environment=NODE_ENV=production'])
    expect(unit).toContain('EnvironmentFile=/etc/regent/regent.env\n')
  })

  it.each([
    'deploy/nginx.conf',
    'deploy/Caddyfile',
    'deploy/haproxy.cfg',
    'docs/guides/first-deployment.md',
    'docs/guides/add-a-region.md',
    'deploy/make-secrets.sh',
  ])('%s speaks of such only', (path) => {
    const named = readText(path).match(/\b(?:REGENT|DATABASE)_[A-Z_]+\b/g) ?? []
    expect(named.filter((name) => !isDocumented(name))).toEqual([])
  })
})

describe('images', () => {
  it('have a tag, and ours is the version of the project', () => {
    const images = [
      ...Object.values(services).map(({ image }) => image),
      ...containers.map(({ container }) => container.image),
      ...readDockerfile()
        .filter(({ instruction }) => instruction === 'FROM')
        .map(({ rest }) => rest.split(' ')[0] ?? ''),
    ]
    for (const image of images) expect(image).toMatch(/^[a-z./-]+:(?!latest)[a-z0-9][a-z0-9.-]*$/)
    const regents = images.filter((image) => isRegent({ image })).map((image) => image.split(':')[1])
    expect(new Set(regents)).toEqual(new Set([project.version]))
    expect(lastInstruction('LABEL')).toContain(`image.version="${project.version}"`)
    expect(manifest('Job').metadata.name).toBe(`regent-migrate-${project.version.replaceAll('.', '-')}`)
  })

  it('the Dockerfile: one base, three stages, the entry point that the build writes, an unprivileged user', () => {
    const lines = readDockerfile()
    expect(lines.filter(({ instruction }) => instruction === 'FROM').map(({ rest }) => rest)).toEqual([
      'node:24-bookworm-slim AS build',
      'node:24-bookworm-slim AS packages',
      'node:24-bookworm-slim',
    ])
    expect(JSON.parse(lastInstruction('ENTRYPOINT'))).toEqual(['node', project.bin.regent])
    expect(JSON.parse(lastInstruction('CMD'))).toEqual(['serve'])
    const built = JSON.parse(readText('tsconfig.build.json')) as {
      compilerOptions: { outDir: string; rootDir: string }
      include: string[]
    }
    expect([built.compilerOptions.rootDir, built.include]).toEqual(['.', ['src', 'migrations']])
    expect(project.bin.regent).toBe(`${built.compilerOptions.outDir}/src/main.js`)
    expect(existsSync(join(root, 'src/main.ts'))).toBe(true)

    const after = lines.slice(lines.findIndex(({ instruction }) => instruction === 'USER'))
    expect(after[0]?.rest).toBe('node')
    expect(after.map(({ instruction }) => instruction)).not.toContain('RUN')
    expect(lines.map(({ instruction }) => instruction)).not.toContain('ADD')
    expect(lastInstruction('EXPOSE')).toBe(`${defaults.port} ${defaults.opsPort}`)
    expect(lastInstruction('HEALTHCHECK')).toContain(`REGENT_OPS_PORT || ${defaults.opsPort}}/livez`)
  })

  it('the Dockerfile leaves the tools out, which .npmrc would bring in, and proves it', () => {
    const stages = readText('Dockerfile').split(/^FROM /m)
    const packages = stages.find((stage) => stage.includes('AS packages')) ?? ''
    expect(readText('.npmrc')).toContain('include=dev')
    expect(packages).not.toMatch(/^COPY .*\.npmrc/m)
    expect(packages).toContain('npm install --omit=dev')
    expect(packages).toContain('test ! -e node_modules/typescript')
    const { dependencies, devDependencies } = project as unknown as Record<string, Environment>
    expect([dependencies?.express, devDependencies?.typescript]).toEqual([
      expect.any(String),
      expect.any(String),
    ])
    const last = stages.at(-1) ?? ''
    expect(last.match(/^COPY --from=.*$/gm)).toEqual([
      'COPY --from=packages /app/node_modules ./node_modules',
      'COPY --from=build /app/dist ./dist',
    ])
  })

  it('.dockerignore keeps everything out but what is copied, and that is there', () => {
    const [everything, ...allowed] = readText('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(everything).toBe('*')
    const copied = readDockerfile()
      .filter(({ instruction, rest }) => instruction === 'COPY' && !rest.startsWith('--from'))
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
    expect(allowed.map((line) => line.slice(1)).toSorted()).toEqual([...new Set(copied)].toSorted())
    for (const path of copied) expect(existsSync(join(root, path))).toBe(true)
  })
})

describe('docker-compose.yml', () => {
  const regent = services.regent as Service

  it('without a profile is the PostgreSQL that README.md speaks of, alone', () => {
    const plain = Object.entries(services).filter(([, { profiles }]) => profiles === undefined)
    expect(plain.map(([name]) => name)).toEqual(['postgres'])
    const [, { ports, environment, secrets: none }] = plain[0] as [string, Service]
    const [, address = '', port = ''] = /^([\d.]+):(\d+):5432$/.exec(ports?.[0] ?? '') ?? []
    expect(address).toBe('127.0.0.1')
    expect(none).toBeUndefined()
    const url = `postgres://postgres:${environment.POSTGRES_PASSWORD}@localhost:${port}/${environment.POSTGRES_DB}?sslmode=disable`
    expect(readText('README.md')).toContain(`DATABASE_URL=${url} DATABASE_URL_EU=default npm run quickstart`)
    expect(readText('docker-compose.yml')).toContain(url)
  })

  it('does one after the other: login, roles, migrations, then the service or the demo', () => {
    const order = (name: string): string[] =>
      Object.entries((services[name] as Service).depends_on ?? {}).flatMap(([before, { condition }]) => [
        ...order(before),
        `${before} ${condition}`,
      ])
    const jobs = [
      'postgres service_healthy',
      'login service_completed_successfully',
      'migrate-roles service_completed_successfully',
      'migrate service_completed_successfully',
    ]
    expect(order('regent')).toEqual(jobs)
    expect(order('demo')).toEqual(jobs)
    for (const [name, { depends_on: needs = {}, profiles = [] }] of Object.entries(services)) {
      for (const before of Object.keys(needs)) {
        const theirs = services[before]?.profiles ?? profiles
        expect([name, profiles.filter((profile) => !theirs.includes(profile))]).toEqual([name, []])
      }
    }
  })

  it.each(ours)('%s may do nothing that it need not', (_name, service) => {
    expect(service).toMatchObject({
      build: '.',
      init: true,
      read_only: true,
      tmpfs: '/tmp',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
    expect(service.volumes).toBeUndefined()
  })

  it.each(ours)(
    '%s is given the secrets that it names, as files, and migrations alone the administrator’s',
    (_name, service) => {
      const text = JSON.stringify(service.environment)
      const named = [...text.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, name]) => name)
      expect(service.secrets).toEqual(named)
      expect(text).not.toMatch(/postgres:\/\//)
      expect(named.includes('database_admin_url')).toBe(service.command?.[0] === 'migrate')
    },
  )

  it('the script writes each secret, where git does not look', () => {
    const script = readText('deploy/make-secrets.sh')
    const given = new Set(Object.values(services).flatMap((service) => service.secrets ?? []))
    expect(new Set(Object.keys(secrets))).toEqual(given)
    for (const [name, secret] of Object.entries(secrets)) {
      // Not from a variable of the shell: engines cannot write that into a read-only container.
      expect(secret).toEqual({ file: `./deploy/secrets/${name}` })
      expect(script).toContain(`keep_or_write ${name} `)
    }
    expect(readText('deploy/secrets/.gitignore')).toContain('*\n!.gitignore\n')
  })

  it('regent listens to the network of the file, and only its service port is published, to this machine', () => {
    const { environment, ports, healthcheck } = regent
    expect(environment).toMatchObject({ HOST: '0.0.0.0', REGENT_OPS_HOST: '0.0.0.0' })
    expect(ports).toEqual([`127.0.0.1:${environment.PORT}:${environment.PORT}`])
    expect(healthcheck?.test.join(' ')).toContain(`'http://127.0.0.1:${environment.REGENT_OPS_PORT}/readyz'`)
  })
})

describe('deploy/kubernetes.yaml', () => {
  it('is one of each, all in its namespace', () => {
    const kinds = readManifests().map(({ kind }) => kind)
    expect(kinds).toEqual([
      'Namespace',
      'Secret',
      'Secret',
      'Job',
      'Deployment',
      'PodDisruptionBudget',
      'Service',
      'Ingress',
    ])
    for (const { kind, metadata } of readManifests())
      expect(kind === 'Namespace' ? metadata.name : metadata.namespace).toBe('regent')
  })

  it.each(containers)('$container.name may do nothing that it need not', ({ pod, container }) => {
    // The image names its user, and a name cannot be known not to be root: 1000 is `node` in the image.
    expect(lastInstruction('USER')).toBe('node')
    expect(pod).toMatchObject({
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      automountServiceAccountToken: false,
      // REGENT_OPS_PORT=tcp://… is what a Service may set otherwise.
      enableServiceLinks: false,
    })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container.resources).toEqual({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    })
  })

  it.each(containers)('$container.name finds each secret where it looks for it', ({ pod, container }) => {
    const files = pod.volumes.flatMap(({ name, secret }) => {
      expect(secret.defaultMode).toBe(0o440)
      const mount = container.volumeMounts.find((one) => one.name === name)
      expect(mount?.readOnly).toBe(true)
      return secretKeys(secret.secretName).map((key) => `${mount?.mountPath}/${key}`)
    })
    const wanted = Object.entries(environmentOf(container)).filter(([name]) => name.endsWith('_FILE'))
    expect(wanted.map(([, path]) => path).filter((path) => !files.includes(path))).toEqual([])
    expect(JSON.stringify(container.env)).not.toMatch(/postgres:\/\//)
  })

  it('the server has no login that may migrate', () => {
    expect(JSON.stringify(deployment)).not.toMatch(/admin/i)
  })

  it('probes ask the ops port for what it answers, and readiness goes off well before the drain is over', () => {
    const environment = environmentOf(server)
    expect(environment).toMatchObject({ HOST: '0.0.0.0', REGENT_OPS_HOST: '0.0.0.0' })
    expect(server.ports).toEqual([
      { name: 'http', containerPort: Number(environment.PORT) },
      { name: 'ops', containerPort: Number(environment.REGENT_OPS_PORT) },
    ])
    const { startupProbe, livenessProbe, readinessProbe } = server
    expect(startupProbe?.httpGet).toEqual({ path: '/livez', port: 'ops' })
    expect(livenessProbe?.httpGet).toEqual({ path: '/livez', port: 'ops' })
    expect(readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'ops' })
    const { periodSeconds = 10, timeoutSeconds = 1, failureThreshold = 3 } = readinessProbe ?? {}
    expect(periodSeconds * failureThreshold + timeoutSeconds).toBeLessThan(
      Number(environment.REGENT_DRAIN) / 2,
    )
  })

  it('two replicas, found by their labels; the job’s pods are found by nobody', () => {
    const { replicas, selector, template } = deployment.spec
    expect(replicas).toBe(2)
    const { labels } = template.metadata
    expect(selector?.matchLabels).toEqual(labels)
    expect(manifest('PodDisruptionBudget').spec).toEqual({
      minAvailable: 1,
      selector: { matchLabels: labels },
    })
    expect(manifest('Service').spec.selector).toEqual(labels)
    expect(manifest('Service').spec.ports).toEqual([{ name: 'http', port: 80, targetPort: 'http' }])
    expect(manifest('Job').spec.template.metadata.labels).not.toMatchObject(labels)
  })

  it('the ingress has a host and a certificate for each region that is served', () => {
    const { baseDomain } = readConfig({}, { REGENT_ORIGIN: environmentOf(server).REGENT_ORIGIN }).origin
    const hosts = [baseDomain, `*.${baseDomain}`, `*.eu.${baseDomain}`]
    const { rules, tls } = manifest('Ingress').spec
    expect(rules?.map(({ host }) => host)).toEqual(hosts)
    expect(tls?.map((entry) => entry.hosts)).toEqual([hosts])
    const databases = Object.keys(environmentOf(server)).filter((name) => name.startsWith('DATABASE_'))
    expect(databases).toEqual(['DATABASE_URL_FILE', 'DATABASE_URL_EU_FILE'])
  })
})

describe('stopping', () => {
  it('nobody kills a node before it has stopped in order', () => {
    expect(STOP).toBe(28)
    const unit = Number(/^TimeoutStopSec=(\d+)$/m.exec(readText('deploy/regent.service'))?.[1])
    const compose = Number.parseInt(services.regent?.stop_grace_period ?? '', 10)
    const pod = deployment.spec.template.spec.terminationGracePeriodSeconds
    for (const grace of [unit, compose, pod]) expect(grace).toBeGreaterThan(STOP)
    for (const path of ['deploy/regent.service', 'docker-compose.yml', 'deploy/kubernetes.yaml'])
      expect(readText(path)).toContain(`up to ${STOP} seconds`)
    expect(readText('docs/guides/first-deployment.md')).toContain(`up to ${STOP} seconds`)
  })
})
