/** A token endpoint as a good engineer writes it in an afternoon: Express, its form parser, helmet, pino-http, jose. */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import express from 'express'
import helmet from 'helmet'
import { generateKeyPair, SignJWT } from 'jose'
import { pino } from 'pino'
import { pinoHttp } from 'pino-http'
import { CLIENT_ID, CLIENT_SECRET, ISSUER, listen, RESOURCE, SCOPE } from './listen.ts'

const { privateKey } = await generateKeyPair('ES256')
const digest = (secret: string) => createHash('sha256').update(secret).digest()
const clients = new Map([[CLIENT_ID, { digest: digest(CLIENT_SECRET), scopes: new Set([SCOPE]) }]])

const app = express()
app.use(pinoHttp({ logger: pino(pino.destination({ dest: '/dev/null', sync: false })) }))
app.use(helmet())
app.use(express.urlencoded({ extended: false }))
app.post('/:tenant/:workspace/oauth2/token', async (request, response) => {
  const form = request.body as Record<string, string | undefined>
  const refuse = (status: number, error: string) => response.status(status).json({ error })
  if (form.grant_type !== 'client_credentials') return refuse(400, 'unsupported_grant_type')
  const client = clients.get(form.client_id ?? '')
  if (client === undefined || !timingSafeEqual(client.digest, digest(form.client_secret ?? ''))) {
    return refuse(401, 'invalid_client')
  }
  const scopes = (form.scope ?? SCOPE).split(' ')
  if (!scopes.every((scope) => client.scopes.has(scope))) return refuse(400, 'invalid_scope')
  const scope = scopes.join(' ')
  const token = await new SignJWT({ client_id: CLIENT_ID, scope })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'HfNY0Bqvr8Pz9TgW4yM1hcKqf6X3aD5eLs2oJuVtRwQ' })
    .setIssuer(ISSUER)
    .setSubject(CLIENT_ID)
    .setAudience(RESOURCE)
    .setIssuedAt()
    .setExpirationTime('1h')
    .setJti(randomUUID())
    .sign(privateKey)
  response.set('Cache-Control', 'no-store')
  return response.json({ access_token: token, token_type: 'Bearer', expires_in: 3600, scope })
})

listen(app)
