/** Raw round trips of given sizes between two Node processes, over node:net and over our links. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../src/base/assert.js'
import { median } from '../src/base/statistics.js'
import { FRAME } from '../src/fabric/frame.js'
import type { Link } from '../src/fabric/link.js'
import { sharedBytes } from '../src/fabric/shared-link.js'
import { createShared } from '../src/native/shared-memory.js'
import { localSockets } from '../src/native/sockets.js'
import { openRawLink, sendFrame } from './raw-link.js'
import { now } from './support.js'

export type TripSizes = { readonly outBytes: number; readonly backBytes: number }

/** Microseconds of one round trip at the median of many. */
export type RawTrips = {
  readonly measure: (trips: number) => Promise<number>
  readonly close: () => void
}

const ECHO = fileURLToPath(new URL('./echo-main.js', import.meta.url))
const ANSWER_MS = 10_000
/** Trips before the measured ones: both processes are awake then. */
const WARM_TRIPS = 200

/** Plain Node: net over a Unix socket, answers taken by a data handler. */
export async function openNetTrips({ outBytes, backBytes }: TripSizes): Promise<RawTrips> {
  const directory = mkdtempSync(join(tmpdir(), 'sputnik-bench-'))
  const path = join(directory, 'socket')
  const child = fork(ECHO, ['net', path, String(outBytes), String(backBytes)])
  await once(child, 'message')
  const socket = connect(path)
  await once(socket, 'connect')
  return {
    measure: (trips) => measureNet(socket, { trips, outBytes, backBytes }),
    close: () => {
      socket.destroy()
      child.disconnect()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function measureNet(
  socket: Socket,
  { trips, outBytes, backBytes }: TripSizes & { trips: number },
): Promise<number> {
  const request = Buffer.alloc(outBytes)
  const samples: number[] = []
  return new Promise((resolve) => {
    let got = 0
    let started = now()
    const onData = (data: Buffer): void => {
      got += data.length
      if (got < backBytes) return
      got = 0
      samples.push(1000 * (now() - started))
      if (samples.length === trips + WARM_TRIPS) {
        socket.off('data', onData)
        resolve(median(samples.slice(WARM_TRIPS)))
        return
      }
      started = now()
      socket.write(request)
    }
    socket.on('data', onData)
    socket.write(request)
  })
}

export type LinkTripOptions = TripSizes & {
  readonly spinUs: number
  readonly hasSharedMemory: boolean
}

/** The link a step uses: it blocks. */
export function openLinkTrips(options: LinkTripOptions): RawTrips {
  const { outBytes, backBytes, spinUs, hasSharedMemory } = options
  const sockets = localSockets()
  const [ours, theirs] = sockets.pair()
  const shared = hasSharedMemory ? sharedBytes(Math.max(outBytes, backBytes)) : 0
  const memory = shared > 0 ? createShared(shared) : undefined
  const inherited = memory === undefined ? [theirs] : [theirs, memory.fd]
  const args = ['link', spinUs, shared, backBytes].map(String)
  spawn(process.execPath, [ECHO, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', ...inherited],
  })
  for (const fd of inherited) sockets.close(fd)
  const link = openRawLink({ socket: ours, memory: memory?.buffer, isHead: true, spinUs })
  assert(link.receive(ANSWER_MS) !== undefined, 'the other end of a link does not start')
  return {
    measure: async (trips) => measureLink(link, { trips, outBytes }),
    close: () => link.close(),
  }
}

function measureLink(link: Link, { trips, outBytes }: { trips: number; outBytes: number }): number {
  const samples: number[] = []
  for (let trip = 0; trip < trips + WARM_TRIPS; trip++) {
    const started = now()
    const isSent = sendFrame(link, { kind: FRAME.dispatch, bytes: outBytes })
    const isAnswered = isSent && link.receive(ANSWER_MS) !== undefined
    assert(isAnswered, 'the other end of a link is gone')
    samples.push(1000 * (now() - started))
  }
  return median(samples.slice(WARM_TRIPS))
}
