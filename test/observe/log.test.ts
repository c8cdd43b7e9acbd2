import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLog, type LogLevel } from '../../src/observe/log.ts'
import type { Observation } from '../../src/observe/observation.ts'

const ISSUED: Observation = {
  type: 'token_issued',
  requestId: 'r',
  issuer: 'https://a.example/a/b',
  clientId: 'robot',
  credentialId: 'c',
  grantType: 'client_credentials',
  scope: 'read',
  tokenId: 't',
}
const refusal = (reason: string): Observation => ({
  type: 'request_refused',
  requestId: 'r',
  peer: '192.0.2.1',
  status: 401,
  code: 'invalid_client',
  reason,
})

/** What never comes ends the test, and not only its own waiting. */
async function until(reached: () => boolean) {
  const deadline = Date.now() + 20_000
  while (!reached()) {
    if (Date.now() > deadline) throw new Error('it has not come to that in 20 seconds')
    await sleep(1)
  }
}

describe('the log', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'regent-log-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function logged(observations: readonly Observation[], level: LogLevel = 'info') {
    const destination = join(folder, `${Math.random()}.log`)
    const log = openLog({ level, destination })
    for (const observation of observations) log.observe(observation)
    await log.close()
    return readFileSync(destination, 'utf8')
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  it('counts issued tokens at info, and writes each at debug', async () => {
    expect(await logged([ISSUED, ISSUED, ISSUED])).toEqual([
      { level: 30, time: expect.any(String), event: 'tokens_issued', count: 3 },
    ])
    expect((await logged([ISSUED], 'debug'))[0]).toMatchObject({ event: 'token_issued', clientId: 'robot' })
  })

  it('writes ten refusals a second and reason, and counts the rest', async () => {
    const many = Array.from({ length: 25 }, () => refusal('wrong_secret'))
    const lines = await logged([...many, refusal('unknown_client')])
    expect(
      lines.filter(({ reason, event }) => event === 'request_refused' && reason === 'wrong_secret'),
    ).toHaveLength(10)
    expect(lines.filter(({ reason }) => reason === 'unknown_client')).toHaveLength(1)
    expect(lines.at(-1)).toMatchObject({ event: 'refusals_not_logged', reason: 'wrong_secret', count: 15 })
  })

  it('writes ten faults a second and kind, and counts the rest: an outage is not a thousand stacks', async () => {
    const fault = (code: string): Observation => ({
      type: 'server_error',
      requestId: 'r',
      error: Object.assign(new Error(`at ${Math.random()}`), { code }),
    })
    const many = Array.from({ length: 25 }, () => fault('ECONNREFUSED'))
    const lines = await logged([...many, fault('57P01')])
    const codes = lines.map(({ error }) => (error as { code?: string } | undefined)?.code)
    expect(codes.filter((code) => code === 'ECONNREFUSED')).toHaveLength(10)
    expect(codes.filter((code) => code === '57P01')).toHaveLength(1)
    expect(lines.at(-1)).toMatchObject({
      level: 50,
      event: 'server_errors_not_logged',
      kind: 'Error ECONNREFUSED',
      count: 15,
    })
  })

  it('counts each second anew', async () => {
    const destination = join(folder, 'seconds.log')
    writeFileSync(destination, '')
    const log = openLog({ level: 'info', destination })
    const written = () => readFileSync(destination, 'utf8')
    for (const round of [1, 2]) {
      for (let count = 0; count < 12; count++) log.observe(refusal('wrong_secret'))
      log.observe(ISSUED)
      const counted = () => written().match(/"refusals_not_logged","reason":"wrong_secret"/g)?.length
      await until(() => counted() === round)
    }
    await log.close()
    expect(written().match(/"event":"tokens_issued","count":1/g)).toHaveLength(2)
    expect(written().match(/"event":"request_refused"/g)).toHaveLength(20)
    expect(written().match(/"reason":"wrong_secret","count":2\}/g)).toHaveLength(2)
  })

  it('writes a fault with its causes, and nothing that hangs on it', async () => {
    const cause = Object.assign(new Error('inner'), { code: '57P01', secret: 'very-secret' })
    const error = Object.assign(new Error('outer', { cause }), { parameters: ['very-secret'] })
    const [line] = await logged([{ type: 'server_error', requestId: 'r', error }])
    expect(line).toMatchObject({
      event: 'server_error',
      error: { message: 'outer', cause: { code: '57P01', message: 'inner' } },
    })
    expect(JSON.stringify(line)).not.toContain('very-secret')
  })

  it('writes all that was observed before it is closed, and nothing later', async () => {
    for (let bytes = 0; bytes < 20_000; bytes += 500) {
      const destination = join(folder, `${bytes}.log`)
      const log = openLog({ level: 'info', destination })
      log.observe({ type: 'warning', message: 'x'.repeat(bytes) })
      for (const message of ['last but one', 'last']) log.observe({ type: 'warning', message })
      await log.close()
      log.observe({ type: 'warning', message: 'later' })
      const lines = readFileSync(destination, 'utf8').trim().split('\n')
      expect(lines).toHaveLength(3)
    }
  })

  it('keeps a line of the log one line, whatever is in it (T46)', async () => {
    const forged = { ...refusal('wrong_secret'), peer: '1\r\n{"event":"forged"}\n' } as Observation
    const lines = await logged([forged])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ event: 'request_refused', peer: '1\r\n{"event":"forged"}\n' })
  })

  it('drops and counts what nobody reads, and never waits', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    // Held open, full, and not read: then the buffer fills up.
    const descriptor = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
    expect(() => {
      for (;;) writeSync(descriptor, '\n'.repeat(4096))
    }).toThrow('EAGAIN')
    const log = openLog({ level: 'debug', destination: descriptor, bufferBytes: 100_000 })
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const chunk = Buffer.alloc(65_536)
    let text = ''
    const read = () => {
      try {
        text += chunk.toString('utf8', 0, readSync(reader, chunk))
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' })
      }
    }
    try {
      const before = process.memoryUsage().rss
      for (let count = 0; count < 200_000; count++) log.observe(ISSUED)
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
      expect(log.dropped()).toBeGreaterThan(100_000)

      // The line that says how many is dropped too, for shorter ones fill what is left; then somebody reads again.
      for (let count = 0; count < 10; count++) log.observe({ type: 'server_stopped' })
      const lost = log.dropped()
      await until(() => log.dropped() > lost)
      const counts = () =>
        Array.from(text.matchAll(/"log_lines_dropped","count":(\d+)/g), ([, count]) => Number(count))
      await until(() => {
        read()
        return counts().length > 0
      })
      expect(counts()).toEqual([log.dropped()])
    } finally {
      const reading = setInterval(read, 1)
      await log.close()
      clearInterval(reading)
      closeSync(reader)
    }
  })

  it('goes on without a reader', async () => {
    const pipe = join(folder, 'broken')
    execFileSync('mkfifo', [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const descriptor = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    closeSync(reader)
    const log = openLog({ level: 'debug', destination: descriptor })
    await until(() => {
      log.observe(ISSUED)
      return log.dropped() > 0
    })
    await log.close()
  })
})
