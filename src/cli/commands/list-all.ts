/** All pages of a list. Who watches at a terminal sees how far it is. */
import type { ApiClient, ApiRequest } from '../api/api-client.ts'
import type { Item } from '../table.ts'

/** Items between two words about progress. */
const STEP = 1000

export async function listAll(
  api: ApiClient,
  request: Pick<ApiRequest, 'api' | 'path' | 'query'>,
): Promise<readonly Item[]> {
  const items: Item[] = []
  const watched = process.stderr.isTTY
  for await (const item of api.list(request)) {
    items.push(item)
    if (watched && items.length % STEP === 0) process.stderr.write(`\r… ${items.length}`)
  }
  if (watched && items.length >= STEP) process.stderr.write('\r\u001b[K')
  return items
}
