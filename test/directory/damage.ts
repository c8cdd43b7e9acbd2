/**
 * What may stand in the columns that requests read, once no constraint keeps it out: for each column the values, and what
 * becomes of a request that needs the row. `fault`: `server_error`, and a log line that names table and column; `absent`: the
 * row is not found; `unharmed`: the value is not needed, or means something that is safe.
 */
export type Outcome = 'fault' | 'absent' | 'unharmed'
export type Damage = {
  readonly table: string
  readonly column: string
  readonly value: string
  readonly outcome: Outcome
  /** Where else than in `table` the log says it was met. */
  readonly loggedAs?: string
}

const HUGE = `repeat('x', 1048576)`
const TEXT = ['null', `''`, HUGE]
const COUNT = ['null', '-1']
const DATE = [`'infinity'`, `'-infinity'`]
const BYTES = ['null', `''::bytea`, `convert_to(${HUGE}, 'UTF8')`]

function each(
  table: string,
  columns: readonly string[],
  values: readonly string[],
  outcome: Outcome = 'fault',
  loggedAs?: string,
): readonly Damage[] {
  return columns.flatMap((column) =>
    values.map((value) => ({ table, column, value, outcome, ...(loggedAs && { loggedAs }) })),
  )
}

export const OF_TENANT: readonly Damage[] = [
  ...each('tenant', ['slug', 'region'], TEXT, 'absent'),
  ...each('tenant', ['tokens_per_minute'], ['-1', '0'], 'fault', 'regent.workspace'),
]

export const OF_WORKSPACE: readonly Damage[] = [
  ...each('workspace', ['slug'], TEXT, 'absent'),
  ...each('workspace', ['issuer', 'signing_algorithm'], TEXT),
  ...each('workspace', ['access_token_lifetime', 'jwks_max_age'], [...COUNT, '2147483647']),
  ...each('workspace', ['signing_lead'], COUNT),
  ...each(
    'workspace',
    ['chosen_secrets', 'chosen_digests', 'rehash', 'audience_parameter', 'workspace_id'],
    ['null'],
  ),
  ...each('workspace', ['imported_bcrypt_cost'], ['null', '-1', '16']),
  ...each('workspace', ['imported_iterations'], ['null', '-1', '600001', '2147483647']),
  ...each('workspace', ['tokens_per_minute'], ['-1', '0']),
  ...each('scope', ['scope_token', 'description'], ['null', HUGE]),
  ...each('scope', ['scope_token'], [`''`, `'two words'`]),
  ...each('scope', ['resource_server_id'], ['null']),
  ...each('signing_key', ['kid', 'algorithm', 'state', 'master_key_id'], TEXT),
  ...each('signing_key', ['master_key_id'], [`'another'`], 'fault', 'sealed_private_key'),
  ...each('signing_key', ['sealed_private_key'], BYTES),
  ...each(
    'signing_key',
    ['sealed_private_key'],
    [`set_byte(sealed_private_key, 40, 255 - get_byte(sealed_private_key, 40))`],
  ),
  ...each('signing_key', ['algorithm'], [`'RS256'`], 'fault', 'public_jwk'),
  ...each(
    'signing_key',
    ['public_jwk'],
    ['null', `'null'`, `'[]'`, `'"text"'`, `'{}'`, `jsonb_build_object('kid', ${HUGE})`].concat([
      `public_jwk || jsonb_build_object('kid', repeat('k', 43))`,
      `public_jwk || '{"alg": "RS256"}'`,
      `public_jwk || '{"d": "private"}'`,
    ]),
  ),
  // It would be published, and verify nothing that the key signs.
  ...each('signing_key', ['public_jwk'], [`public_jwk || '{"x": "AAAA"}'`], 'fault', 'sealed_private_key'),
  ...each('signing_key', ['may_sign_at'], ['null', ...DATE]),
  ...each('signing_key', ['activated_at', 'retired_at'], DATE),
  ...each('signing_key', ['max_token_lifetime', 'max_jwks_age', 'max_stale'], COUNT),
]

export const OF_CLIENT: readonly Damage[] = [
  ...each('client', ['client_id'], TEXT, 'absent'),
  ...each('client', ['state', 'token_endpoint_auth_method'], TEXT),
  ...each('client', ['strict_auth_method', 'several_resources', 'grant_types'], ['null']),
  ...each(
    'client',
    ['grant_types'],
    [`array[null]::text[]`, `array[${HUGE}]`, `array_fill('x'::text, array[100000])`],
  ),
  ...each('client', ['grant_types'], [`'{}'`], 'absent'),
  ...each('client', ['tokens_per_minute'], ['-1', '0']),
  ...each('client', ['name'], TEXT, 'unharmed'),
  ...each('credential', ['client_id'], TEXT, 'absent'),
  ...each('credential', ['credential_id', 'origin', 'bcrypt_hash', 'state'], TEXT),
  // The hash decides. One that would take an hour is no hash.
  ...each(
    'credential',
    ['bcrypt_hash'],
    [
      `'$pbkdf2-sha256$i=1000000000,l=32$' || repeat('A', 22) || '$' || repeat('A', 43)`,
      `'$pbkdf2-sha256$i=1,l=32$' || repeat('A', 1000000) || '$' || repeat('A', 43)`,
      `'$2b$31$' || repeat('.', 53)`,
      `'$2x$10$' || repeat('.', 53)`,
    ],
  ),
  ...each('credential', ['digest'], BYTES, 'unharmed'),
  ...each('credential', ['digest_key_id'], ['null', `''`], 'unharmed'),
  ...each('credential', ['digest_key_id'], [HUGE]),
  ...each('credential', ['not_before', 'expires_at'], DATE),
  ...each('credential', ['label'], TEXT, 'unharmed'),
  ...each('scope_grant', ['client_id', 'scope_token'], TEXT, 'absent'),
  ...each('scope_grant', ['by_default'], ['null']),
]

/** Of what was granted to each client of the workspace: its documents do not need it. */
export const OF_RESOURCE_SERVER: readonly Damage[] = [
  ...each('resource_server', ['resource_server_id'], ['null'], 'absent'),
  ...each('resource_server', ['identifier', 'jwt_type'], TEXT, 'fault', 'regent.scope_grant'),
  ...each('resource_server', ['signing_algorithm'], [`''`, HUGE], 'fault', 'regent.scope_grant'),
  ...each('resource_server', ['name'], TEXT, 'unharmed'),
]
