/**
 * The other end of raw round trips: takes so many bytes and gives so many back, without looking at
 * them. Arguments: `net`, path of the socket, bytes in, bytes back; or `link`, spin in microseconds,
 * bytes of shared memory (0: none), bytes back.
 */
import { createServer, type Socket } from 'node:net'
import { FRAME, HEADER_BYTES } from '../src/fabric/frame.js'
import { mapShared } from '../src/native/shared-memory.js'
import { openRawLink, sendFrame } from './raw-link.js'

const LINK_SOCKET = 3
const LINK_MEMORY = 4
const IDLE_MS = 600_000

const [mode = '', first = '', second = '', third = ''] = process.argv.slice(2)
if (mode === 'net') echoNet(first, { inBytes: Number(second), backBytes: Number(third) })
else echoLink({ spinUs: Number(first), shared: Number(second), backBytes: Number(third) })

function echoNet(path: string, sizes: { inBytes: number; backBytes: number }): void {
  const server = createServer((socket) => {
    server.close()
    answerWhole(socket, sizes)
  })
  server.listen(path, () => process.send?.('listening'))
}

function answerWhole(
  socket: Socket,
  { inBytes, backBytes }: { inBytes: number; backBytes: number },
): void {
  const reply = Buffer.alloc(backBytes)
  let got = 0
  socket.on('data', (data) => {
    got += data.length
    if (got < inBytes) return
    got -= inBytes
    socket.write(reply)
  })
  socket.on('close', () => process.exit())
}

function echoLink(options: { spinUs: number; shared: number; backBytes: number }): void {
  const { spinUs, shared, backBytes } = options
  const memory = shared > 0 ? mapShared(LINK_MEMORY, shared) : undefined
  const link = openRawLink({ socket: LINK_SOCKET, memory, isHead: false, spinUs })
  // Frames that were posted before a link was opened are not seen.
  sendFrame(link, { kind: FRAME.hello, bytes: HEADER_BYTES })
  while (link.receive(IDLE_MS) !== undefined) {
    sendFrame(link, { kind: FRAME.combine, bytes: backBytes })
  }
}
