/**
 * The client's side of a stream of server-sent events, as far as chat completions use them: the
 * `data` of each event. Knows nothing of what is in it.
 */

/** The data of each event, in order. Source: WHATWG HTML, 9.2.6, without names and ids. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    const events = rest.split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      if (event.startsWith('data: ')) yield event.slice('data: '.length)
    }
  }
}
