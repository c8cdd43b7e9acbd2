/** Node's HTTP server and a signature: the least that a token can cost when each is signed where its request ends. */
import { signedToken } from './es256.ts'
import { listen, SCOPE } from './listen.ts'

listen((request, response) => {
  let text = ''
  request.setEncoding('latin1').on('data', (part: string) => (text += part))
  request.on('end', () => {
    const body = JSON.stringify({
      access_token: signedToken(),
      token_type: 'Bearer',
      expires_in: 3600,
      scope: SCOPE,
    })
    response.writeHead(text.length > 0 ? 200 : 400, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      'Content-Length': Buffer.byteLength(body),
    })
    response.end(body)
  })
})
