/** What the suite uses of packages that bring no types. */
declare module 'simple-oauth2' {
  type Options = {
    client: { id: string; secret: string }
    auth: { tokenHost: string; tokenPath: string }
    options?: { authorizationMethod: 'header' | 'body' }
  }
  export class ClientCredentials {
    constructor(options: Options)
    getToken(parameters: Readonly<Record<string, string>>): Promise<{ token: { access_token: string } }>
  }
}

declare module 'passport' {
  import type { RequestHandler } from 'express'

  const passport: {
    Passport: new () => {
      use(strategy: unknown): void
      authenticate(
        name: string,
        options: { session: boolean },
        callback: (error: Error | null, user: unknown, info: Error | undefined) => void,
      ): RequestHandler
    }
  }
  export default passport
}

declare module 'passport-jwt' {
  import type { IncomingMessage } from 'node:http'

  type Options = {
    jwtFromRequest: (request: IncomingMessage) => string | null
    secretOrKeyProvider: unknown
    issuer: string
    audience: string
    algorithms: string[]
  }
  type Done = (error: Error | null, user: unknown) => void
  export class Strategy {
    constructor(options: Options, verify: (claims: Record<string, unknown>, done: Done) => void)
    name: string
  }
  export const ExtractJwt: { fromAuthHeaderAsBearerToken(): (request: IncomingMessage) => string | null }
}
