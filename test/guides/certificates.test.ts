/** The guide on certificates, done; what it makes is one that Regent takes. */
import { join } from 'node:path'
import { readCertificate } from '../../src/server/certificate.ts'
import { describeWith, openShell, readerOf } from './guide.ts'

describeWith(['openssl'], 'certificates', () => {
  const shell = openShell([])
  afterAll(() => shell.close())

  it('holds for the hosts that the guide says, and for no other', async () => {
    const reader = readerOf('certificates', shell)
    while (reader.left() > 0) await reader.follow()
  })

  it('is a pair that Regent takes', () => {
    const found = readCertificate({ cert: join(shell.folder, 'tls.crt'), key: join(shell.folder, 'tls.key') })
    expect(found).toMatchObject({ endsAt: expect.any(Number) })
  })
})
