/**
 * Malformed requests without end against a process of `regent serve`: what it answers, and what it keeps of them. Some
 * arrive in pieces; behind what breaks the frame there is what looks like a request.
 */
import { readFileSync } from 'node:fs'
import { malformedRequests, type Malformed } from '../server/malformed-requests.ts'
import { exchange, pooled } from '../server/raw.ts'
import { openSite } from './site.ts'

export type Flood = {
  readonly sent: number
  /** By status; `none` where the caller went away before its request was whole. */
  readonly answers: Readonly<Record<string, number>>
  /** What may not be: a status of success or of a fault of ours, a token, no answer, a connection left open. */
  readonly wrong: readonly string[]
  /** Bytes that the process held, after each batch. */
  readonly resident: readonly number[]
  readonly seconds: number
  /** Of the process, which was asked to stop at the end. */
  readonly exit: number | null
}

type Options = { readonly count: number; readonly seed: number; readonly onBatch?: (sent: number) => void }

const BATCH = 10_000
const CONNECTIONS = 32

export async function flood({ count, seed, onBatch = () => {} }: Options): Promise<Flood> {
  const site = await openSite({ environment: { REGENT_DRAIN: '0', LOG_LEVEL: 'info' } })
  const { host, pathname: path } = new URL(site.client.issuer)
  const subject = { host, path, id: site.client.clientId, secret: site.client.secret }
  const next = Buffer.from(`GET ${path}/.well-known/jwks.json HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const answers: Record<string, number> = {}
  const wrong: string[] = []
  const resident: number[] = []
  let sent = 0
  const started = Date.now()
  try {
    const node = await site.startNode()
    for (let batch = 0; sent < count; batch += 1) {
      const requests = malformedRequests(subject, Math.min(BATCH, count - sent), seed + batch)
      await pooled(
        requests.entries(),
        async ([index, malformed]) => {
          const seen = await send(node.port, malformed, index, next)
          answers[seen.status] = (answers[seen.status] ?? 0) + 1
          if (seen.fault !== undefined && wrong.length < 50) wrong.push(`${malformed.family}: ${seen.fault}`)
        },
        CONNECTIONS,
      )
      sent += requests.length
      resident.push(residentBytes(node.pid))
      onBatch(sent)
    }
    node.kill('SIGTERM')
    return { sent, answers, wrong, resident, seconds: (Date.now() - started) / 1000, exit: await node.ended }
  } finally {
    await site.close()
  }
}

async function send(port: number, malformed: Malformed, index: number, next: Buffer) {
  const { bytes, reasons, head, end, broken } = malformed
  // Where bytes were put in anywhere, what lies behind the declared length of a body is a message of its own.
  const most = reasons.length === 0 ? 2 : 1
  const cut = index % 3 === 0 ? (index * 7919) % bytes.length : 0
  const whole = broken ? Buffer.concat([bytes, next]) : bytes
  const pieces = cut === 0 ? [whole] : [whole.subarray(0, cut), whole.subarray(cut)]
  try {
    const { answers, closed } = await exchange(port, pieces, { head, end, patience: 20_000 })
    const status = String(answers[0]?.status ?? 'none')
    const refused = answers.every(
      (each) => String(each.status).startsWith('4') && !each.body.includes('access_token'),
    )
    const fine = closed && refused && answers.length <= most && (answers.length > 0 || end)
    const said = answers.map((each) => each.status).join(' ')
    const fault = `${said || 'none'}: ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`
    return { status, fault: fine ? undefined : fault }
  } catch (error) {
    return { status: 'unreadable', fault: (error as Error).message }
  }
}

/** proc_pid_status(5): the resident set, in KiB. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
