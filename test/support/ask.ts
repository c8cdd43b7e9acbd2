/** Asks a node of this machine for what is addressed to a URL, as a proxy does: with the target and the Host as they came. */
import { request, type Agent } from 'node:http'

export type Answer = { readonly status: number; readonly body: string }
export type Asking = {
  readonly method?: string
  readonly bearer?: string
  /** Is posted. */
  readonly form?: Readonly<Record<string, string>>
  readonly json?: object
  readonly agent?: Agent
}

export function askAt(
  port: number,
  url: string,
  { form, method = form ? 'POST' : 'GET', bearer, json, agent }: Asking = {},
): Promise<Answer> {
  const { host, pathname, search } = new URL(url)
  const body = json ? JSON.stringify(json) : form && new URLSearchParams(form).toString()
  return new Promise((resolve, reject) => {
    const asked = request({
      ...(agent && { agent }),
      host: '127.0.0.1',
      port,
      path: pathname + search,
      method,
      headers: {
        Host: host,
        ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && {
          'Content-Type': json ? 'application/json' : 'application/x-www-form-urlencoded',
          'Content-Length': Buffer.byteLength(body),
        }),
      },
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    asked.end(body)
  })
}
