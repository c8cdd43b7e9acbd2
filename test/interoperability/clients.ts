/**
 * Clients that others wrote, each used as its documentation says. All ask for the same: a token of the Client
 * Credentials Grant. They know an issuer and credentials; those that cannot discover are told the token endpoint.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { OAuth2Client } from '@badgateway/oauth2-client'
import axios from 'axios'
import { clientCredentials } from 'axios-oauth-client'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { Issuer } from 'openid-client-5'
import { ClientCredentials } from 'simple-oauth2'

export const METHODS = ['client_secret_basic', 'client_secret_post'] as const
export type Method = (typeof METHODS)[number]

export type Wish = {
  readonly issuer: string
  readonly id: string
  readonly secret: string
  readonly method: Method
  /** `scope`, `resource`, or both. */
  readonly parameters: { readonly scope?: string; readonly resource?: string }
}

export type InteroperableClient = {
  readonly name: string
  /** Whose version is named; none for what the machine brings. */
  readonly package?: string
  /** What its documentation knows no way to do. */
  readonly lacks: readonly ('discovery' | 'resource' | Method)[]
  readonly token: (wish: Wish) => Promise<string>
  readonly refusal: {
    /** Where its error holds what the server answered: the code and the description. */
    readonly where: string
    readonly read: (error: never) => unknown
  }
}

const tokenEndpoint = (issuer: string) => `${issuer}/oauth2/token`

/** What oauth4webapi throws for a 401, and openid-client 6 with it: the challenge, taken apart. */
const CHALLENGED: InteroperableClient['refusal'] = {
  where: '`error.cause[0].parameters`',
  read: (error: { cause: { parameters: unknown }[] }) => error.cause[0]?.parameters,
}

function openidClient6(name: string, algorithm?: 'oauth2'): InteroperableClient {
  return {
    name,
    package: 'openid-client',
    lacks: [],
    async token({ issuer, id, secret, method, parameters }) {
      const authentication =
        method === 'client_secret_basic' ? openid.ClientSecretBasic : openid.ClientSecretPost
      const config = await openid.discovery(new URL(issuer), id, undefined, authentication(secret), {
        execute: [openid.allowInsecureRequests],
        ...(algorithm && { algorithm }),
      })
      return (await openid.clientCredentialsGrant(config, parameters)).access_token
    },
    refusal: CHALLENGED,
  }
}

const openidClient5: InteroperableClient = {
  name: 'openid-client 5',
  package: 'openid-client-5',
  lacks: [],
  async token({ issuer, id, secret, method, parameters }) {
    const { Client } = await Issuer.discover(issuer)
    const client = new Client({ client_id: id, client_secret: secret, token_endpoint_auth_method: method })
    const { access_token: token } = await client.grant({ grant_type: 'client_credentials', ...parameters })
    return token ?? ''
  },
  refusal: {
    where: '`error.error`, `error.error_description`',
    read: (error: { error: unknown; error_description: unknown }) => error,
  },
}

function oauth4webapi(name: string, algorithm: 'oidc' | 'oauth2'): InteroperableClient {
  return {
    name,
    package: 'oauth4webapi',
    lacks: [],
    async token({ issuer, id, secret, method, parameters }) {
      const insecure = { [oauth.allowInsecureRequests]: true }
      const url = new URL(issuer)
      const discovered = await oauth.discoveryRequest(url, { algorithm, ...insecure })
      const server = await oauth.processDiscoveryResponse(url, discovered)
      const authentication =
        method === 'client_secret_basic' ? oauth.ClientSecretBasic : oauth.ClientSecretPost
      const client = { client_id: id }
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication(secret),
        parameters,
        insecure,
      )
      return (await oauth.processClientCredentialsResponse(server, client, response)).access_token
    },
    refusal: CHALLENGED,
  }
}

const simpleOauth2: InteroperableClient = {
  name: 'simple-oauth2',
  package: 'simple-oauth2',
  lacks: ['discovery'],
  async token({ issuer, id, secret, method, parameters }) {
    const { origin, pathname } = new URL(tokenEndpoint(issuer))
    const client = new ClientCredentials({
      client: { id, secret },
      auth: { tokenHost: origin, tokenPath: pathname },
      options: { authorizationMethod: method === 'client_secret_basic' ? 'header' : 'body' },
    })
    return (await client.getToken(parameters)).token.access_token
  },
  refusal: {
    where: '`error.data.payload`',
    read: (error: { data: { payload: unknown } }) => error.data.payload,
  },
}

const badgateway: InteroperableClient = {
  name: '@badgateway/oauth2-client',
  package: '@badgateway/oauth2-client',
  lacks: [],
  async token({ issuer, id, secret, method, parameters: { scope, resource } }) {
    const client = new OAuth2Client({
      discoveryEndpoint: `${issuer}/.well-known/oauth-authorization-server`,
      clientId: id,
      clientSecret: secret,
      authenticationMethod: method,
    })
    const { accessToken } = await client.clientCredentials({
      ...(scope !== undefined && { scope: scope.split(' ') }),
      ...(resource !== undefined && { resource }),
    })
    return accessToken
  },
  refusal: {
    where: '`error.parsedBody`',
    read: (error: { parsedBody: unknown }) => error.parsedBody,
  },
}

const axiosOauthClient: InteroperableClient = {
  name: 'axios-oauth-client',
  package: 'axios-oauth-client',
  lacks: ['discovery', 'resource', 'client_secret_basic'],
  async token({ issuer, id, secret, parameters: { scope } }) {
    const ask = clientCredentials(axios.create(), tokenEndpoint(issuer), id, secret)
    return ((await ask(scope)) as { access_token: string }).access_token
  },
  refusal: {
    where: '`error.response.data`',
    read: (error: { response: { data: unknown } }) => error.response.data,
  },
}

const curl: InteroperableClient = {
  name: 'curl',
  lacks: ['discovery'],
  async token({ issuer, id, secret, method, parameters }) {
    const credentials =
      method === 'client_secret_basic'
        ? ['--user', `${id}:${secret}`]
        : ['--data-urlencode', `client_id=${id}`, '--data-urlencode', `client_secret=${secret}`]
    const form = Object.entries({ grant_type: 'client_credentials', ...parameters }).flatMap(
      ([name, value]) => ['--data-urlencode', `${name}=${value}`],
    )
    const { stdout } = await promisify(execFile)('curl', [
      '--silent',
      ...credentials,
      ...form,
      tokenEndpoint(issuer),
    ])
    const body = JSON.parse(stdout) as { access_token?: string }
    // curl is content with whatever it is answered, and prints it.
    if (body.access_token === undefined) throw new Error(stdout)
    return body.access_token
  },
  refusal: {
    where: 'what it prints',
    read: (error: { message: string }) => JSON.parse(error.message) as unknown,
  },
}

export const CLIENTS: readonly InteroperableClient[] = [
  openidClient6('openid-client 6'),
  openidClient6("openid-client 6, `algorithm: 'oauth2'`", 'oauth2'),
  openidClient5,
  oauth4webapi("oauth4webapi, `algorithm: 'oidc'`", 'oidc'),
  oauth4webapi("oauth4webapi, `algorithm: 'oauth2'`", 'oauth2'),
  simpleOauth2,
  badgateway,
  axiosOauthClient,
  curl,
]
