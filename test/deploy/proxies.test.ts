/** The proxies' files agree with the project. What nginx and HAProxy do with them: test/server/proxied-*.test.ts. */
import { readConfig } from '../../src/config.ts'
import { REGIONS } from '../../src/tenancy/region.ts'
import { readText } from '../architecture/source.ts'

const defaults = readConfig({}, {})

describe('proxies', () => {
  const nginx = readText('deploy/nginx.conf')
  const caddy = readText('deploy/Caddyfile')
  const haproxy = readText('deploy/haproxy.cfg')
  const base = 'authz.example.com'
  // Tenants' hosts, and where the operators of the region without a name call.
  const names = [base, ...REGIONS.map((region) => (region === 'none' ? `*.${base}` : `*.${region}.${base}`))]

  it('know the hosts of every region', () => {
    expect(/server_name (.*);/.exec(nginx)?.[1]?.split(' ')).toEqual(names)
    expect(/^(\S+, \*.*) \{$/m.exec(caddy)?.[1]?.split(', ')).toEqual(names)
    expect(haproxy).not.toMatch(/hdr\(host\)/)
  })

  it('hand on Host and path as they came, and say themselves who called', () => {
    expect(nginx.match(/proxy_set_header .*;/g)).toEqual([
      'proxy_set_header Connection "";',
      'proxy_set_header Host $http_host;',
      'proxy_set_header X-Forwarded-For $remote_addr;',
      'proxy_set_header X-Request-Id $request_id;',
    ])
    expect(nginx).toMatch(/proxy_pass http:\/\/regent;/)
    expect(nginx).toContain('merge_slashes off;')
    expect(nginx).not.toMatch(/rewrite/)
    // Refusals only: a redirect would be followed with the secret.
    expect(nginx.match(/return .*;/g)).toEqual(['return 421;', 'return 400;'])
    expect(caddy.match(/header_up .*/g)).toEqual([
      'header_up X-Forwarded-For {remote_host}',
      'header_up X-Request-Id {http.request.uuid}',
    ])
    expect(caddy).not.toMatch(/^\s*(?:rewrite|uri|handle_path)\b/m)
    expect(haproxy.match(/set-header .*/g)).toEqual([
      'set-header X-Forwarded-For %[src]',
      'set-header X-Request-Id %[uuid()]',
    ])
    expect(haproxy).not.toMatch(/normalize-uri|set-path|set-uri/)
  })

  it('lead to the ports of the service', () => {
    expect(nginx).toContain(`server 127.0.0.1:${defaults.port} `)
    expect(caddy).toContain(`reverse_proxy 127.0.0.1:${defaults.port} {`)
    expect(caddy).toContain(`health_uri /readyz\n\t\thealth_port ${defaults.opsPort}\n`)
    expect(haproxy).toContain('option httpchk GET /readyz\n')
    expect(haproxy).toContain(`check port ${defaults.opsPort} inter 1s fall 2`)
    for (const [, port] of haproxy.matchAll(/^ {2}server \S+ [\d.]+:(\d+)$/gm))
      expect(Number(port)).toBe(defaults.port)
  })

  it('close idle connections before Regent does, and wait longer than Regent for a request', () => {
    const kept = [
      /upstream[^}]*keepalive_timeout (\d+)s;/.exec(nginx),
      /transport http \{[^}]*keepalive (\d+)s/.exec(caddy),
      /timeout http-keep-alive (\d+)s/.exec(haproxy),
    ].map((match) => Number(match?.[1]) * 1000)
    for (const idle of kept) expect(idle).toBeLessThan(defaults.limits.keepAliveTimeout)
    const patience = [
      /proxy_read_timeout (\d+)s/.exec(nginx),
      /response_header_timeout (\d+)s/.exec(caddy),
      /timeout server (\d+)s/.exec(haproxy),
    ].map((match) => Number(match?.[1]) * 1000)
    for (const wait of patience) expect(wait).toBeGreaterThan(defaults.limits.requestTimeout)
  })
})
