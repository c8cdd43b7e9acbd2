/** oidc-provider with its memory adapter: client credentials, a JWT access token by resource indicator, one P-256 key. */
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import { CLIENT_ID, CLIENT_SECRET, ISSUER, listen, RESOURCE, SCOPE } from './listen.ts'

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const jwk = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  jwks: { keys: [jwk] },
  scopes: [SCOPE],
  routes: { token: '/bench/bench/oauth2/token' },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        audience: RESOURCE,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 3600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})

const callback = provider.callback()
listen((request, response) => void callback(request, response))
