/** An API that is protected with a middleware of Express, on a real port. */
import { createServer } from 'node:http'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import type { Request as JwtRequest } from 'express-jwt'
import { close, listen } from '../resource-server/listen.ts'

export type Claims = Readonly<Record<string, unknown>>

export type OpenVerifier = {
  /** Rejects with what the library said. */
  readonly verify: (token: string) => Promise<Claims>
  readonly close?: () => Promise<void>
}

/** @param claimsOf where the middleware puts what it verified */
export async function openExpress(
  middleware: RequestHandler,
  claimsOf: (request: JwtRequest) => unknown,
): Promise<OpenVerifier> {
  const app = express()
  app.get('/orders', middleware, (request, response) => {
    response.json(claimsOf(request))
  })
  const sendError: ErrorRequestHandler = (error: Error & { status?: number }, _request, response, _next) => {
    response.status(error.status ?? 500).json(error.message)
  }
  app.use(sendError)
  const server = createServer(app)
  const port = await listen(server)
  return {
    async verify(token) {
      const response = await fetch(`http://127.0.0.1:${port}/orders`, {
        headers: { Authorization: `Bearer ${token}` },
      })
      if (response.status === 200) return (await response.json()) as Claims
      const body: unknown = await response.json()
      if (response.status !== 401) throw new Error(`the API answered ${response.status}: ${String(body)}`)
      // Our own kit answers by itself, and never asks the error handler.
      const { error_description: description = body } = body as { error_description?: unknown }
      throw new Error(String(description))
    },
    close: () => close(server),
  }
}
