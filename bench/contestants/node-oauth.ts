/** @node-oauth/oauth2-server on Express with a model in memory, its tokens signed by the fastest call that Node has. */
import { createHash, timingSafeEqual } from 'node:crypto'
import OAuth2Server from '@node-oauth/oauth2-server'
import express from 'express'
import { signedToken } from './es256.ts'
import { CLIENT_ID, CLIENT_SECRET, listen, SCOPE } from './listen.ts'

const digest = (secret: string) => createHash('sha256').update(secret).digest()
const clients = new Map([
  [CLIENT_ID, { id: CLIENT_ID, digest: digest(CLIENT_SECRET), grants: ['client_credentials'] }],
])

const server = new OAuth2Server({
  accessTokenLifetime: 3600,
  model: {
    getClient: async (id, secret) => {
      const client = clients.get(id)
      return client !== undefined && timingSafeEqual(client.digest, digest(secret)) && client
    },
    getUserFromClient: async ({ id }) => ({ id }),
    validateScope: async (_user, _client, scope) => (scope?.every((one) => one === SCOPE) ?? true) && [SCOPE],
    generateAccessToken: async () => signedToken(),
    saveToken: async (token, client, user) => ({ ...token, client, user }),
    getAccessToken: async () => undefined,
  },
})

const app = express()
app.use(express.urlencoded({ extended: false }))
app.post('/:tenant/:workspace/oauth2/token', async (request, response) => {
  const answer = new OAuth2Server.Response(response)
  try {
    await server.token(new OAuth2Server.Request(request), answer)
  } catch {
    // The answer says what was wrong.
  }
  response
    .set(answer.headers ?? {})
    .status(answer.status ?? 500)
    .json(answer.body)
})

listen(app)
