/** What one core signs with P-256 when it does nothing else: by OpenSSL, or where it is missing by Node in a loop. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'

export type Signatures = { readonly perSecond: number; readonly by: string }

export async function signaturesPerSecond(seconds: number): Promise<Signatures> {
  try {
    const [{ stdout }, version] = await Promise.all([
      promisify(execFile)('taskset', [
        '-c',
        '0',
        'openssl',
        'speed',
        '-seconds',
        String(seconds),
        'ecdsap256',
      ]),
      promisify(execFile)('openssl', ['version']),
    ])
    const [, perSecond] = /ecdsa \(nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(stdout) ?? []
    if (perSecond !== undefined) return { perSecond: Number(perSecond), by: version.stdout.trim() }
  } catch {
    // It is not installed.
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const input = Buffer.alloc(400, 'x')
  const begun = performance.now()
  let count = 0
  for (; performance.now() - begun < seconds * 1000; count += 1) sign('sha256', input, privateKey)
  return {
    perSecond: (count * 1000) / (performance.now() - begun),
    by: `crypto.sign of Node ${process.version}, no openssl being installed`,
  }
}
