/** What the page of the administrative APIs has between the landmarks: `API`, and the tables in it. */
export const TABLE = `
<div class="wide" tabindex="0" role="region" aria-label="<%= it.label %>">
<table>
<caption><%= it.caption %></caption>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>
<% for (const row of it.rows) { %>
<tr><td class="name"><code><%= row.name %></code><% if (row.note) { %> <span class="soft"><%= row.note %></span><% } %></td><td><%= row.type %></td><td><%= row.description %></td></tr>
<% } %>
</tbody>
</table>
</div>
`

export const API = `
<h1><%= it.title %></h1>
<p class="lead">Each API is a resource server of Regent itself: its tokens come from Regent, and are good for it alone. The same as a document for machines: <a href="/api/openapi.json">OpenAPI 3.1</a>.</p>
<h2 id="calling">Calling it</h2>
<p>The examples below go on from here. A tenant’s own people set:</p>
<pre tabindex="0" role="region" aria-label="What a tenant’s own people set"><code><%= it.tenantSetting %></code></pre>
<p>Operators set:</p>
<pre tabindex="0" role="region" aria-label="What operators set"><code><%= it.systemSetting %></code></pre>
<p>and both, with the id and the secret of a client of theirs:</p>
<pre tabindex="0" role="region" aria-label="How to get a token"><code><%= it.tokenSetting %></code></pre>
<p>In place of <var>acme</var> stands the tenant’s name; a region has its label before the base domain, as in <code><%= it.regional %></code>. What is refused changes nothing, and is answered with a <a href="#Problem">problem</a> that says what to mend.</p>

<nav aria-label="Routes">
<% for (const api of it.apis) { %>
<h2 id="<%= api.id %>-routes"><%= api.title %></h2>
<ul class="contents">
<% for (const group of api.groups) { for (const one of group.operations) { %>
<li><a href="#<%= one.id %>"><%= one.id %></a></li>
<% } } %>
</ul>
<% } %>
</nav>

<% for (const api of it.apis) { %>
<section aria-labelledby="<%= api.id %>">
<h2 id="<%= api.id %>"><%= api.title %></h2>
<% for (const group of api.groups) { %>
<h3><%= group.title %></h3>
<% for (const one of group.operations) { %>
<article aria-labelledby="<%= one.id %>">
<h4 id="<%= one.id %>"><span class="method"><%= one.method %></span> <code><%= one.path %></code></h4>
<p><%= one.summary %>.</p>
<p class="soft"><% for (const part of one.description) { if (part.code) { %><code><%= part.text %></code><% } else { %><%= part.text %><% } } %></p>
<%~ one.tables.map((table) => include('@table', table)).join('') %>
<details>
<summary>Answers<span class="hidden"> of <%= one.id %></span></summary>
<% for (const answer of one.answers) { %>
<p><code><%= answer.status %></code> <%= answer.description %><% if (answer.shape) { %>: <a href="#<%= answer.shape %>"><%= answer.shape %></a><% } %></p>
<% if (answer.table) { %><%~ include('@table', answer.table) %><% } %>
<% } %>
</details>
<pre tabindex="0" role="region" aria-label="Example of <%= one.id %>"><code><%= one.curl %></code></pre>
</article>
<% } } %>
</section>
<% } %>

<section aria-labelledby="shapes">
<h2 id="shapes">Shapes</h2>
<% for (const shape of it.shapes) { %>
<h3 id="<%= shape.id %>"><%= shape.id %></h3>
<%~ include('@table', shape.table) %>
<% } %>
</section>
`
