/**
 * The front step: what a host is, for whoever pastes its URL into a browser. Made of the address and the configured origin alone,
 * and asks nobody whether there is such a tenant: docs/decisions/0016. `{workspace}` stands for the name that a stranger must know.
 */
import type { Origin } from '../tenancy/origin.ts'
import { printHostUrl } from '../tenancy/origin.ts'
import { ADMIN_WORKSPACE, administrationOf, SYSTEM_TENANT } from '../tenancy/administration.ts'
import { REGIONS, type Region } from '../tenancy/region.ts'
import type { TenantSlug } from '../tenancy/slug.ts'

const REGION_NAMES: Readonly<Record<Region, string>> = {
  none: 'without a region',
  au: 'in the region au (Australia)',
  eu: 'in the region eu (Europe)',
  us: 'in the region us (USA)',
}

export const TENANT_STEP = `
<h1><%= it.title %></h1>
<p class="lead">Machines get OAuth 2.0 access tokens here: this is the host of the tenant name <strong><%= it.tenant %></strong> <%= it.regionName %>.</p>
<p class="soft">Every name has this page, whether or not there is a tenant of it. Which workspaces there are, whoever gave you this address knows: put the name of yours in place of <var>{workspace}</var>.</p>

<h2 id="issuer">Issuer</h2>
<p>Each workspace is an authorization server of its own, with this issuer:</p>
<pre class="url"><code><%= it.base %>/<var>{workspace}</var></code></pre>
<p>It is all that a library for OAuth needs: it finds the rest in the metadata.</p>

<h2 id="token">A token</h2>
<pre tabindex="0" role="region" aria-label="Command that asks for a token"><code>curl "<%= it.base %>/$WORKSPACE/oauth2/token" \\
  --data grant_type=client_credentials \\
  --data-urlencode "client_id=$CLIENT_ID" \\
  --data-urlencode "client_secret=$CLIENT_SECRET"</code></pre>
<p>The answer is JSON, with an <code>access_token</code> and the seconds that it lives. What is refused says what to mend.</p>

<h2 id="documents">Documents</h2>
<p>Public, for whoever asks for tokens or verifies them.</p>
<dl>
<dt>Metadata (RFC 8414)</dt>
<dd><code><%= it.host %>/.well-known/oauth-authorization-server/<%= it.tenant %>/<var>{workspace}</var></code></dd>
<dt>The same for OpenID-style discovery</dt>
<dd><code><%= it.base %>/<var>{workspace}</var>/.well-known/openid-configuration</code></dd>
<dt>Keys that verify its tokens (JWK Set)</dt>
<dd><code><%= it.base %>/<var>{workspace}</var>/.well-known/jwks.json</code></dd>
</dl>

<h2 id="administration">Administration</h2>
<p>A tenant’s own people look after its workspaces, clients, secrets and keys by <a href="/api">an API</a>.</p>
<dl>
<dt>API</dt>
<dd><code><%= it.api %></code></dd>
<dt>Its tokens come from</dt>
<dd><code><%= it.base %>/<%= it.adminWorkspace %>/oauth2/token</code></dd>
</dl>
`

export const OPERATORS_STEP = `
<h1><%= it.title %></h1>
<p class="lead">Machines get OAuth 2.0 access tokens from Regent, each from the host of its tenant. This is the host of those who operate the tenants <%= it.regionName %>.</p>

<h2 id="tenants">Hosts of tenants</h2>
<p>You were given a URL with a tenant’s name in front; put it in place of <var>{tenant}</var>. There, this page says how to get a token.</p>
<dl>
<% for (const { name, url } of it.tenantHosts) { %>
<dt>Tenants <%= name %></dt>
<dd><code><%= url.scheme %>://<var>{tenant}</var>.<%= url.rest %>/</code></dd>
<% } %>
</dl>

<h2 id="administration">For operators</h2>
<p>Tenants are made, suspended, deleted and restored by <a href="/api">an API</a>.</p>
<dl>
<dt>API</dt>
<dd><code><%= it.api %></code></dd>
<dt>Its tokens come from</dt>
<dd><code><%= it.tokenEndpoint %></code></dd>
</dl>
<pre tabindex="0" role="region" aria-label="Commands that list tenants"><code>TOKEN=$(curl --silent "<%= it.tokenEndpoint %>" \\
  --data grant_type=client_credentials \\
  --data-urlencode "client_id=$CLIENT_ID" \\
  --data-urlencode "client_secret=$CLIENT_SECRET" |
  sed -E 's/.*"access_token":"([^"]+)".*/\\1/')
curl "<%= it.api %>/tenants" --header "Authorization: Bearer $TOKEN"</code></pre>
`

export function tenantStep(origin: Origin, region: Region, tenant: TenantSlug) {
  const host = printHostUrl(origin, { region, tenant })
  return {
    title: new URL(host).host,
    page: '/' as const,
    regionName: REGION_NAMES[region],
    host,
    tenant,
    base: `${host}/${tenant}`,
    api: `${host}/api/admin/${tenant}`,
    adminWorkspace: ADMIN_WORKSPACE,
  }
}

export function operatorsStep(origin: Origin, region: Region) {
  const system = printHostUrl(origin, { region, tenant: SYSTEM_TENANT })
  return {
    title: new URL(printHostUrl(origin, { region })).host,
    page: '/' as const,
    regionName: REGION_NAMES[region],
    tenantHosts: tenantHosts(origin, region),
    api: administrationOf(origin, { region, slug: SYSTEM_TENANT }),
    tokenEndpoint: `${system}/${SYSTEM_TENANT}/${ADMIN_WORKSPACE}/oauth2/token`,
  }
}

/** The base host stands for all regions; a region's for its own. */
function tenantHosts(origin: Origin, own: Region) {
  const regions = own === 'none' ? REGIONS : [own]
  return regions.map((region) => {
    const [scheme = '', rest = ''] = printHostUrl(origin, { region }).split('://')
    return { name: REGION_NAMES[region], url: { scheme, rest } }
  })
}
