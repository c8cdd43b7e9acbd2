/** Node's HTTP server alone: reads the body, answers with as many bytes as Regent does. */
import { listen } from './listen.ts'

const HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
const body = JSON.stringify({ access_token: 'x'.repeat(Number(process.env.BENCH_ANSWER_BYTES) - 19) })
const headers = { ...HEADERS, 'Content-Length': Buffer.byteLength(body) }

listen((request, response) => {
  let text = ''
  request.setEncoding('latin1').on('data', (part: string) => (text += part))
  request.on('end', () => {
    response.writeHead(text.length > 0 ? 200 : 400, headers)
    response.end(body)
  })
})
