/**
 * The client's side of a stream of server-sent events, as far as sputnik's own server uses them:
 * the one line of `data` of each event. Knows nothing of what is in it.
 */

const DATA = 'data: '

/** The data of each event, in order. Source: WHATWG HTML, 9.2.6, without names and ids. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    const events = rest.split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const line = event.split('\n').find((one) => one.startsWith(DATA))
      if (line !== undefined) yield line.slice(DATA.length)
    }
  }
}
