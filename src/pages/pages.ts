/**
 * Serves pages that people see: the front step of a host, the administrative API to read, and refusals for browsers. Owns what they
 * say and look like, and the policy under which browsers may show them. Knows no tenant: it asks neither memory nor database, so that a
 * page tells a stranger nothing beyond its address. Not its business: what was refused, and why (endpoints/, admin/); sockets.
 */
import type { Question, Reply } from '../exchange.ts'
import { requireMethod } from '../oauth/method.ts'
import { misdirected } from '../tenancy/address.ts'
import type { PageAddress } from '../tenancy/page-address.ts'
import type { Origin } from '../tenancy/origin.ts'
import type { Region } from '../tenancy/region.ts'
import { apiPage } from './api-page.ts'
import { API, TABLE } from './api-template.ts'
import { OPERATORS_STEP, operatorsStep, TENANT_STEP, tenantStep } from './front-step.ts'
import { pagePrinter } from './layout.ts'
import { REFUSAL, refusalFor, type Asked } from './refusal-page.ts'
import { STYLE_DIGEST } from './style.ts'

export type PageQuestion = Omit<Question<PageAddress>, 'body'>
export type Pages = ReturnType<typeof pages>

type Needs = {
  readonly origin: Origin
  /** Those that this node serves. */
  readonly regions: ReadonlySet<Region>
  /** OpenAPI 3.1, made when it is asked for. */
  readonly apiDocument: () => object
}

/** Directives of the Content-Security-Policy of every page (CSP Level 3 §6), as helmet takes them. */
export const PAGE_POLICY = {
  defaultSrc: ["'none'"],
  styleSrc: [STYLE_DIGEST],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}

const METHODS = ['GET', 'HEAD'] as const
const MAX_AGE = 300

export function pages({ origin, regions, apiDocument }: Needs) {
  const print = pagePrinter({
    tenant: TENANT_STEP,
    operators: OPERATORS_STEP,
    api: API,
    table: TABLE,
    refusal: REFUSAL,
  })
  // The same on every host, of whatever region; made once, for the first who reads it.
  let api: string | undefined

  return {
    /** @throws OAuthError 421, 405 */
    answer({ address: { region, tenant, path }, method }: PageQuestion): Reply {
      if (path === '/' && !regions.has(region)) throw misdirected()
      requireMethod(method, METHODS)
      if (path === '/api') return pageReply((api ??= print('api', apiPage(origin, apiDocument()))))
      return pageReply(
        tenant === undefined
          ? print('operators', operatorsStep(origin, region))
          : print('tenant', tenantStep(origin, region, tenant)),
      )
    },

    refusalFor: (refusal: Reply, asked: Asked): Reply => refusalFor(refusal, asked, print),
  }
}

function pageReply(body: string): Reply {
  return {
    status: 200,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': `public, max-age=${MAX_AGE}` },
    body,
    page: true,
  }
}
