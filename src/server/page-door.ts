/** The door of pages: they are made of nothing but their address, and answered at once. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refusalOf } from '../endpoints/answer.ts'
import type { Reply } from '../exchange.ts'
import type { Observe } from '../observe/observation.ts'
import type { PageQuestion, Pages } from '../pages/pages.ts'
import type { WriteReply } from './write-reply.ts'

export type PageDoor = (arrival: PageQuestion, request: IncomingMessage, response: ServerResponse) => void

type Needs = {
  readonly pages: Pick<Pages, 'answer'>
  readonly observe: Observe
  readonly writeReply: WriteReply
}

export function pageDoor({ pages, observe, writeReply }: Needs): PageDoor {
  const answer = (arrival: PageQuestion): Reply => {
    try {
      return pages.answer(arrival)
    } catch (error) {
      return refusalOf(error, arrival, observe, undefined, arrival.address.path)
    }
  }
  return (arrival, request, response) => {
    const arrived = performance.now()
    const reply = answer(arrival)
    writeReply(request, response, reply, arrival.requestId)
    const seconds = (performance.now() - arrived) / 1000
    observe({ type: 'request_answered', endpoint: arrival.address.path, status: reply.status, seconds })
  }
}
