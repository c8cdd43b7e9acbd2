import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { searchLogs } from './search-logs.ts'

const SECRET = { kind: 'client secret', text: 'open "sesame"/now?' }
const line = (more: object) =>
  `${JSON.stringify({ level: 30, time: '2026-01-01', event: 'warning', ...more })}\n`

describe('the search of the logs (T46)', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'regent-search-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const search = (text: string, name = 'world.log') => {
    writeFileSync(join(folder, name), text)
    return searchLogs(folder, [SECRET]).findings
  }

  it('finds nothing where nothing is', () => {
    expect(search(line({ message: 'open sesame' }))).toEqual([])
    writeFileSync(join(folder, 'command.said'), 'a sentence\n')
    expect(searchLogs(folder, [SECRET])).toMatchObject({ files: 2, findings: [] })
  })

  it.each([
    ['as it is', SECRET.text],
    ['in a form', encodeURIComponent(SECRET.text)],
    ['in base64', Buffer.from(SECRET.text).toString('base64')],
    ['in base64url, with something behind it', Buffer.from(`${SECRET.text}x`).toString('base64url')],
    ['in hexadecimal', Buffer.from(SECRET.text).toString('hex')],
  ])('finds a noted secret %s, by file, line and kind', (_case, text) => {
    expect(search(line({}) + line({ message: `so: ${text}.` }))).toEqual(['world.log, line 2: client secret'])
    expect(search(`${text}\n`, 'command.said')).toContain('command.said, line 1: client secret')
  })

  it.each([
    [
      'a JWT',
      `${btoa('{"alg":"ES256"}')}.${btoa('{"iss":"https://a.example"}')}.${'x'.repeat(86)}`.replaceAll(
        '=',
        '',
      ),
    ],
    ['a generated client secret', `rgs_${'a'.repeat(16)}_${'b'.repeat(49)}`],
    ['a private key', '-----BEGIN PRIVATE KEY-----'],
    ['a private key', '{"kty":"EC","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}'],
    ['a bcrypt hash', '$2b$04$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'],
    ['Basic credentials', 'Basic cm9ib3Q6c2VzYW1lIHNlc2FtZQ=='],
  ])('finds %s that nobody has noted', (kind, text) => {
    expect(search(line({ message: text }))).toEqual([`world.log, line 1: ${kind}`])
  })

  it.each([
    ['a line that is no JSON', 'refused\n'],
    ['a line of somebody else', '{"event":"token_issued"}\n'],
    ['a line that was cut by a carriage return', `${line({}).trim()}\r\n`],
  ])('finds %s in a log', (_case, text) => {
    expect(search(line({}) + text)).toEqual(['world.log, line 2: a line that is no observation'])
    expect(search(text, 'command.said')).toEqual(['world.log, line 2: a line that is no observation'])
  })

  it('lets a log end in the middle of a line: its process was killed', () => {
    expect(search(`${line({})}{"level":30,"ti`)).toEqual([])
  })
})
