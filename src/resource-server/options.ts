/** Reads the options of a resource server: every fault is found when the API starts, and named. */
export type ResourceServerOptions = {
  /** The workspace's issuer URL, exactly as the authorization server publishes it. */
  issuer: string
  /** This API's identifier at the authorization server: what `aud` must name. */
  audience: string
  /** Seconds by which the clocks of this API and the authorization server may differ, 0 to 60. Default 5. */
  clockSkew?: number
  /** Signature algorithms that this API accepts. Default ES256, ES384, PS256, RS256 and EdDSA. */
  algorithms?: readonly string[]
  /** The `typ` that tokens must have: RFC 9068's `at+jwt` (default), or `JWT` if this API asked for that. */
  typ?: 'at+jwt' | 'JWT'
  /** Used instead of the global `fetch`, for proxies and for names that Node does not resolve. */
  fetch?: typeof fetch
  /** Seconds between two refetches of the keys that unknown `kid`s may cause. Default 30. */
  refetchInterval?: number
  /** What refusals call this API in `WWW-Authenticate`. Default: the audience. */
  realm?: string
}

const ASYMMETRIC = /^(?:[EPR]S(?:256|384|512)|EdDSA|Ed25519)$/
const DEFAULT_ALGORITHMS = ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA']
// RFC 3986 §4.3 (no fragment), as RFC 8707 §2 has it for the identifiers of resource servers.
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$/
const QUOTABLE = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/

export function readOptions(options: ResourceServerOptions): Required<ResourceServerOptions> {
  const { issuer, audience, clockSkew = 5, typ = 'at+jwt', refetchInterval = 30 } = options
  const { algorithms = DEFAULT_ALGORITHMS, fetch = globalThis.fetch, realm = audience } = options

  requireOption('issuer', isIssuer(issuer), 'must be an absolute http(s) URL without query and fragment')
  requireOption(
    'audience',
    typeof audience === 'string' && ABSOLUTE_URI.test(audience),
    'must be an absolute URI without fragment: the identifier of this API at the authorization server',
  )
  requireOption('clockSkew', isNumber(clockSkew, 0, 60), 'must be a number, 0 to 60 seconds')
  requireOption('refetchInterval', isNumber(refetchInterval, 1, 3600), 'must be a number, 1 to 3600 seconds')
  requireOption('typ', typ === 'at+jwt' || typ === 'JWT', 'must be at+jwt or JWT')
  requireOption('fetch', typeof fetch === 'function', 'must be a function')
  requireOption(
    'realm',
    typeof realm === 'string' && QUOTABLE.test(realm),
    'must be ASCII text without quotes',
  )
  // RFC 9068 §4: no `none`; and with HS256 everybody who can verify a token could also make one.
  requireOption(
    'algorithms',
    Array.isArray(algorithms) && algorithms.length > 0 && algorithms.every((name) => ASYMMETRIC.test(name)),
    'must list asymmetric signature algorithms (none and HS* are not), like ES256',
  )
  return { issuer, audience, clockSkew, algorithms: [...algorithms], typ, fetch, refetchInterval, realm }
}

/** RFC 8414 §2: an issuer has no query and no fragment, not even empty ones. */
function isIssuer(issuer: unknown): boolean {
  if (typeof issuer !== 'string' || /[?#\s]/.test(issuer) || !URL.canParse(issuer)) {
    return false
  }
  const { protocol, username, password } = new URL(issuer)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
}

/** Text from the environment is no number, though JavaScript would compare it like one. */
function isNumber(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function requireOption(name: keyof ResourceServerOptions, isRight: boolean, rule: string): void {
  if (!isRight) {
    throw new TypeError(`resourceServer: option ${name} ${rule}`)
  }
}
