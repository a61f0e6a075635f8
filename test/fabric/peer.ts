/** The other end of a link under test: a process that does one thing with the socket it inherits. */
import { writeSync } from 'node:fs'
import {
  FRAME,
  FRAME_BYTES_MAX,
  frameHeader,
  HEADER_BYTES,
  writeHeader,
} from '../../src/fabric/frame.js'
import { SocketLink } from '../../src/fabric/socket-link.js'
import { localSockets } from '../../src/native/sockets.js'

const SOCKET = 3
const LONG_MS = 60_000

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function link(): SocketLink {
  return new SocketLink({
    sockets: localSockets(),
    socket: SOCKET,
    spinUs: 0,
    sendTimeoutMs: LONG_MS,
    now: () => performance.now(),
  })
}

function header(payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  writeHeader(new DataView(bytes.buffer), frameHeader(FRAME.dispatch, { payloadBytes }))
  return bytes
}

/** Sends back every frame it gets. */
function echo(): void {
  const own = link()
  for (;;) {
    const frame = own.receive(LONG_MS)
    if (frame === undefined || !own.send(frame.buffer, frame.bytes)) return
  }
}

/** Sends parts of a frame, then goes away. */
function dieInside(): void {
  writeSync(SOCKET, header(1000))
  writeSync(SOCKET, new Uint8Array(10))
  process.kill(process.pid, 'SIGKILL')
}

/** Interrupts the sender while nothing is taken, then takes it all and says so. */
function interrupt(): void {
  for (let i = 0; i < 20; i++) {
    process.kill(process.ppid, 'SIGUSR2')
    pause(10)
  }
  echo()
}

const MODES: Record<string, () => void> = {
  echo,
  dieInside,
  interrupt,
  announce: () => {
    writeSync(SOCKET, header(FRAME_BYTES_MAX + 1))
    pause(LONG_MS)
  },
  stall: () => {
    writeSync(SOCKET, header(1000))
    pause(LONG_MS)
  },
  silent: () => pause(LONG_MS),
}

MODES[process.argv[2] ?? '']?.()
