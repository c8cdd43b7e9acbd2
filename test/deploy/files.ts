/** The deployment files, read as those read them whom they are for; only what the tests look at has a type. */
import { parse, parseAllDocuments } from 'yaml'
import { readText } from '../architecture/source.ts'

export type Environment = Record<string, string>

export type Service = {
  image: string
  build?: string
  init?: boolean
  profiles?: string[]
  command?: string[]
  environment: Environment
  secrets?: string[]
  ports?: string[]
  volumes?: string[]
  read_only?: boolean
  tmpfs?: string
  cap_drop?: string[]
  security_opt?: string[]
  healthcheck?: { test: string[] }
  stop_grace_period?: string
  depends_on?: Record<string, { condition: string }>
}

/** With no variable set in the shell: `${NAME:-text}` is the text. */
export function readCompose() {
  const text = readText('docker-compose.yml').replaceAll(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1')
  return parse(text, { merge: true }) as {
    services: Record<string, Service>
    secrets: Record<string, { file: string }>
  }
}

export const isRegent = ({ image }: { image: string }) => /(?:^|\/)regent:/.test(image)

type Probe = { httpGet: { path: string; port: string }; periodSeconds?: number; timeoutSeconds?: number }

export type Container = {
  name: string
  image: string
  args: string[]
  env: { name: string; value: string }[]
  ports?: { name: string; containerPort: number }[]
  volumeMounts: { name: string; mountPath: string; readOnly: boolean }[]
  securityContext: object
  resources: { requests?: object; limits?: object }
  startupProbe?: Probe
  livenessProbe?: Probe
  readinessProbe?: Probe & { failureThreshold: number }
}

export type PodSpec = {
  securityContext: { runAsNonRoot: boolean; runAsUser: number }
  automountServiceAccountToken: boolean
  enableServiceLinks: boolean
  terminationGracePeriodSeconds?: number
  initContainers?: Container[]
  containers: Container[]
  volumes: { name: string; secret: { secretName: string; defaultMode: number } }[]
}

export type Manifest = {
  kind: string
  metadata: { name: string; namespace?: string }
  stringData?: Environment
  spec: {
    replicas?: number
    minAvailable?: number
    selector?: { matchLabels?: Environment } & Environment
    template: { metadata: { labels: Environment }; spec: PodSpec }
    ports?: { targetPort: string }[]
    tls?: { hosts: string[] }[]
    rules?: { host: string }[]
  }
}

/** In YAML 1.1, as Kubernetes reads it: 0440 is octal. */
export function readManifests(): Manifest[] {
  return parseAllDocuments(readText('deploy/kubernetes.yaml'), { version: '1.1' }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Manifest
  })
}

export function manifest(kind: string, name?: string): Manifest {
  const found = readManifests().find((one) => one.kind === kind && (!name || one.metadata.name === name))
  if (found === undefined) throw new Error(`there is no ${kind} ${name ?? ''}`)
  return found
}

export function environmentOf({ env }: Container): Environment {
  return Object.fromEntries(env.map(({ name, value }) => [name, value]))
}

/** Its lines, continued ones as one. */
export function readDockerfile(): { instruction: string; rest: string }[] {
  return readText('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, instruction = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return { instruction, rest }
    })
}

export function lastInstruction(instruction: string): string {
  return readDockerfile().findLast((line) => line.instruction === instruction)?.rest ?? ''
}

/** `NAME=value` lines, as a shell and systemd read them. */
export function readEnvironmentFile(text: string): Environment {
  return Object.fromEntries(
    [...text.matchAll(/^(?:export )?([A-Z_]+)=(?:'([^']*)'|(\S*))$/gm)].map(([, name, quoted, plain]) => [
      name,
      quoted ?? plain ?? '',
    ]),
  ) as Environment
}

export function readGuide(name: string) {
  const text = readText(`docs/guides/${name}.md`)
  const blocks = [...text.matchAll(/^```(\w*)\n([^]*?)^```/gm)].map(([, language, body = '']) => ({
    language,
    body,
  }))
  const inLanguage = (language: string) => blocks.filter((block) => block.language === language)
  return {
    text,
    sql: inLanguage('sql')
      .flatMap(({ body }) => body.split(';\n'))
      .filter((statement) => statement.trim() !== ''),
    environmentFile: readEnvironmentFile(
      inLanguage('sh').find(({ body }) => body.startsWith('# /etc/regent/regent.env'))?.body ?? '',
    ),
    exported: readEnvironmentFile([...text.matchAll(/^export .*$/gm)].map(([line]) => line).join('\n')),
    /** Of the `regent` commands that stand on a line of their own. */
    commands: [...text.matchAll(/^npm run regent -- (.*)$/gm)].map(([, args = '']) => args.split(' ')),
    urls: [...text.matchAll(/https:\/\/[a-z.]+\.authz\.example\.com\/\S+/g)].map(([url]) => url),
  }
}
