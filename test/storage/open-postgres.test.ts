import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { openAdminSession } from '../../src/storage/open-admin.ts'
import { openPostgres } from '../../src/storage/open-postgres.ts'

/** Speaks just enough of the wire protocol (PostgreSQL, chapter 53) to be another server than we can have here. */
async function pretendPostgres(answer: (socket: Socket, kind: 'startup' | 'query') => void) {
  const server = createServer((socket) => {
    socket.once('data', () => {
      answer(socket, 'startup')
      socket.on('data', (asked) => asked[0] === 0x51 && answer(socket, 'query'))
    })
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `postgres://regent@127.0.0.1:${port}/regent`, close: () => server.close() }
}

function message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  )
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}
const int16 = (value: number) => Buffer.from([value >> 8, value & 255])
const int32 = (value: number) => Buffer.concat([int16(value >> 16), int16(value & 65_535)])
const READY = message('Z', Buffer.from('I'))
const WELCOME = Buffer.concat([message('R', int32(0)), READY])
const column = (name: string) =>
  Buffer.concat([
    Buffer.from(`${name}\0`),
    int32(0),
    int16(0),
    int32(25),
    int16(-1 & 65_535),
    int32(-1),
    int16(0),
  ])
const field = (text: string) => Buffer.concat([int32(text.length), Buffer.from(text)])

describe('a database that Regent cannot run on', () => {
  it('is refused by its version, with the one that is needed', async () => {
    const old = await pretendPostgres((socket, kind) =>
      socket.write(
        kind === 'startup'
          ? WELCOME
          : Buffer.concat([
              message('T', int16(2), column('server_version_num'), column('server_version')),
              message('D', int16(2), field('140012'), field('14.12')),
              message('C', 'SELECT 1'),
              READY,
            ]),
      ),
    )
    const opened = openPostgres({
      url: old.url,
      variable: 'DATABASE_URL_EU',
      connections: 1,
      connectTimeout: 5000,
    })
    await expect(opened).rejects.toThrow(
      'DATABASE_URL_EU leads to PostgreSQL 14.12, and Regent needs 15 or later',
    )
    old.close()
  })

  it('is refused for migrations when it is a pooler, with the variable to set', async () => {
    const pooler = await pretendPostgres((socket) =>
      socket.end(message('E', Buffer.from('SFATAL\0C08P01\0Munsupported startup parameter: options\0\0'))),
    )
    await expect(openAdminSession(pooler.url, 'DATABASE_URL')).rejects.toThrow(
      'DATABASE_URL leads through a pooler, and migrations need a session of their own: set DATABASE_ADMIN_URL',
    )
    pooler.close()
  })
})
