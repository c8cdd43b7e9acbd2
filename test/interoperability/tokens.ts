/** Real tokens of every kind, each with those that must be refused: from one issuer, with one JWK set for all. */
import { createResourceServer } from '../../src/changes/create-resource-server.ts'
import { ALGORITHMS, JWT_TYPES, type Algorithm, type JwtType } from '../../src/oauth/signing.ts'
import type { World, WorldWorkspace } from '../support/world.ts'
import type { Api } from './verifiers.ts'

export type Kind = { readonly typ: JwtType; readonly algorithm: Algorithm }
export type Tokens = {
  readonly api: Api
  readonly valid: string
  /** The valid one with one bit of its signature flipped. */
  readonly tampered: string
  /** For another audience. */
  readonly foreign: string
  readonly expired: string
}

export const KINDS: readonly Kind[] = JWT_TYPES.flatMap((typ) =>
  ALGORITHMS.map((algorithm) => ({ typ, algorithm })),
)
export const CALLER = 'caller'

export function printKind({ typ, algorithm }: Kind): string {
  return `${algorithm}, ${typ}`
}

/** By printed kind. Leaves the world's clock as it was. */
export async function issueTokens(world: World, workspace: WorldWorkspace): Promise<Map<string, Tokens>> {
  const audiences = KINDS.map((kind) => ({
    kind,
    own: identifier('api', kind),
    other: identifier('other', kind),
  }))
  for (const { kind, own, other } of audiences) {
    for (const name of [own, other]) {
      await createResourceServer(workspace.change, workspace.workspace, {
        identifier: name,
        name,
        scopes: { [name]: 'everything' },
        signingAlgorithm: kind.algorithm,
        jwtType: kind.typ,
      })
    }
  }
  const caller = await workspace.client(CALLER, {
    scope: audiences.flatMap(({ own, other }) => [own, other]),
  })
  const ask = async (resource: string) => {
    const { body } = await workspace.token(caller, { resource }).expect(200)
    return (body as { access_token: string }).access_token
  }

  const { issuer } = workspace.workspace
  const now = world.clock.time
  const tokens = new Map<string, Tokens>()
  for (const { kind, own, other } of audiences) {
    world.clock.time = now - 3600
    const expired = await ask(own)
    world.clock.time = now
    const valid = await ask(own)
    tokens.set(printKind(kind), {
      api: { issuer, jwksUri: `${issuer}/.well-known/jwks.json`, audience: own, ...kind },
      valid,
      tampered: flipBit(valid),
      foreign: await ask(other),
      expired,
    })
  }
  return tokens
}

function identifier(host: string, { typ, algorithm }: Kind): string {
  return `https://${host}.example/${algorithm}/${typ.replace('+', '-')}`
}

/** In the middle of the signature: its last character may have bits that mean nothing. */
function flipBit(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const middle = bytes.length >> 1
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle)
  return [header, payload, bytes.toString('base64url')].join('.')
}
