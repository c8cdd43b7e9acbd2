/**
 * An authorization server on loopback, for the tests of the kit: real HTTP, real keys, real signatures. Each test
 * may spoil what it answers and what it signs.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'
import { close, listen } from './listen.ts'

export const AUDIENCE = 'https://orders.example/api'
export const METADATA_PATH = '/.well-known/oauth-authorization-server/acme/orders'
export const JWKS_PATH = '/acme/orders/.well-known/jwks.json'

type Answer = (request: IncomingMessage, response: ServerResponse) => void
export type SigningKey = { kid: string; alg: string; privateKey: CryptoKey; jwk: JWK }
export type AuthorizationServer = Awaited<ReturnType<typeof openAuthorizationServer>>

export async function newKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

export async function openAuthorizationServer() {
  const asked: string[] = []
  const key = await newKey('key-1')
  const spoiled = new Map<string, Answer>()

  const server = createServer((request, response) => {
    const url = request.url ?? ''
    asked.push(url)
    const answer = spoiled.get(url)
    if (answer) {
      answer(request, response)
    } else if (url === METADATA_PATH) {
      sendJson(response, world.metadata)
    } else if (url === JWKS_PATH) {
      sendJson(response, { keys: world.published }, world.cacheControl)
    } else {
      response.writeHead(404).end()
    }
  })
  const origin = `http://127.0.0.1:${await listen(server)}`
  const issuer = `${origin}/acme/orders`

  const world = {
    origin,
    issuer,
    key,
    /** The paths that were asked for, in order. */
    asked,
    metadata: { issuer, jwks_uri: `${origin}${JWKS_PATH}` } as Record<string, unknown>,
    published: [key.jwk] as unknown[],
    cacheControl: undefined as string | undefined,

    timesAsked: (path: string) => asked.filter((url) => url === path).length,

    /** Answers this path in another way, until `mend`. */
    spoil(path: string, answer: Answer) {
      spoiled.set(path, answer)
    },
    /** Hangs up on everybody. */
    fall() {
      for (const path of [METADATA_PATH, JWKS_PATH]) {
        spoiled.set(path, (request) => request.socket.destroy())
      }
    },
    mend() {
      spoiled.clear()
    },

    /** A token that is right, but for what is given; `undefined` takes a claim or header away. */
    async token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, signer = key) {
      const now = Math.floor(Date.now() / 1000)
      const payload: JWTPayload = {
        iss: issuer,
        sub: 'robot',
        aud: AUDIENCE,
        client_id: 'robot',
        scope: 'read write',
        iat: now,
        exp: now + 300,
        jti: 'token-1',
        ...claims,
      }
      return new SignJWT(payload)
        .setProtectedHeader({ alg: signer.alg, kid: signer.kid, typ: 'at+jwt', ...header })
        .sign(signer.privateKey)
    },

    close: () => close(server),
  }
  return world
}

export function sendJson(response: ServerResponse, value: unknown, cacheControl?: string) {
  response.setHeader('Content-Type', 'application/json')
  if (cacheControl !== undefined) {
    response.setHeader('Cache-Control', cacheControl)
  }
  response.end(JSON.stringify(value))
}
