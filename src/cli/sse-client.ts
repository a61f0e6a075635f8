/**
 * The client's side of a stream of server-sent events, as far as sputnik's own server uses them:
 * the name and the one line of `data` of each event. Knows nothing of what is in it.
 */

const DATA = 'data: '
const NAME = 'event: '

/**
 * The data of each event, in order; with `name` none of events of another name. Source: WHATWG
 * HTML, 9.2.6, without ids.
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  name?: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    const events = rest.split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const lines = event.split('\n')
      const data = fieldOf(lines, DATA)
      if (data === undefined) continue
      if (name === undefined || (fieldOf(lines, NAME) ?? name) === name) yield data
    }
  }
}

function fieldOf(lines: readonly string[], field: string): string | undefined {
  return lines.find((line) => line.startsWith(field))?.slice(field.length)
}
