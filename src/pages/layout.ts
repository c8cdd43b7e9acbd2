/** What every page has around what it says: language, title, landmarks, and no script. Whatever a template prints is escaped. */
import { Eta } from 'eta'
import { STYLE } from './style.ts'

const LAYOUT = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title><%= it.title %> – Regent</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<style><%~ it.style %></style>
</head>
<body>
<header>
<p>Regent</p>
<nav aria-label="Pages of this host">
<ul>
<li><a href="/"<% if (it.page === '/') { %> aria-current="page"<% } %>>This host</a></li>
<li><a href="/api"<% if (it.page === '/api') { %> aria-current="page"<% } %>>Administrative API</a></li>
</ul>
</nav>
</header>
<main>
<%~ it.body %>
</main>
<footer>
<p>Regent issues OAuth 2.0 access tokens to machines. Nobody signs in here, and this page sets no cookies and runs no script.</p>
</footer>
</body>
</html>
`

export type PageModel = {
  readonly title: string
  /** The page that it is, where there is a link to it. */
  readonly page?: '/' | '/api'
}

/** @param model what the template and the layout print */
export type PrintPage = (template: string, model: PageModel & Readonly<Record<string, unknown>>) => string

/** @param templates what stands between the landmarks, by name; each sees its model as `it` */
export function pagePrinter(templates: Readonly<Record<string, string>>): PrintPage {
  const eta = new Eta({ autoEscape: true })
  eta.loadTemplate('@layout', LAYOUT)
  for (const [name, template] of Object.entries(templates)) eta.loadTemplate(`@${name}`, template)
  return (template, model) =>
    eta.render('@layout', { ...model, style: STYLE, body: eta.render(`@${template}`, model).trim() })
}
