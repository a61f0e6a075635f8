/**
 * Stream sockets by direct calls of the C library, because the step of a model cannot wait for an
 * event loop: it runs inside one native call. POSIX only; knows nothing of frames.
 */
import koffi from 'koffi'
import { SputnikError } from '../base/errors.js'
import { libc as cLibrary } from './libc.js'
import type { Pointer } from './memory.js'

export type Sockets = {
  /** Two connected stream sockets. */
  pair(): [number, number]
  /** Bytes sent, at least 1; -1 when the peer is gone. */
  send(socket: number, address: Pointer, bytes: number): number
  /** Bytes received; 0 when nothing is there, -1 when the peer is gone. */
  receive(socket: number, address: Pointer, bytes: number): number
  /** Waits until something may be received; false after the time-out. */
  wait(socket: number, timeoutMs: number): boolean
  /** Waits until something may be sent; false after the time-out. */
  waitToSend(socket: number, timeoutMs: number): boolean
  /**
   * Waits for any of the first `count` requests. Each is two numbers: a descriptor, where negative
   * ones are passed over, and what to wait for, see `WAIT_FOR`.
   */
  waitAny(requests: Int32Array, count: number, timeoutMs: number): void
  /** A second descriptor of the same socket, which children do not inherit; -1: there is none. */
  duplicate(socket: number): number
  /** Bytes that have come and were not received yet. */
  unread(socket: number): number
  /** Bytes that were sent and are not acknowledged by the other host; 0 where it does not tell. */
  unacked(socket: number): number
  /**
   * The least round trip of a TCP connection, as the system sees it; undefined: it does not say.
   */
  roundTripUs(socket: number): number | undefined
  /** From now on no call waits for this socket, whoever makes it. */
  unblock(socket: number): void
  /** Lets another process run. */
  yield(): void
  close(socket: number): void
}

/** As poll(2) takes it. */
export const WAIT_FOR = { read: 1, readAndWrite: 5 } as const

let sockets: Sockets | undefined

/** @throws SputnikError PLATFORM_UNSUPPORTED on Windows */
export function localSockets(): Sockets {
  if (process.platform === 'win32') {
    throw new SputnikError('PLATFORM_UNSUPPORTED', 'cards on the same host need Linux or macOS')
  }
  sockets ??= posixSockets()
  return sockets
}

const AF_UNIX = 1
const SOCK_STREAM = 1
const POLLIN = 1
const POLLOUT = 4
const IS_MAC = process.platform === 'darwin'
const MSG_DONTWAIT = IS_MAC ? 0x80 : 0x40
const MSG_NOSIGNAL = IS_MAC ? 0x80000 : 0x4000
/** Children must not inherit the other ends: a card would never see its head go. */
const SOCK_CLOEXEC_LINUX = 0x80000
const F_SETFD = 2
const F_GETFL = 3
const F_SETFL = 4
const O_NONBLOCK = IS_MAC ? 0x4 : 0x800
const F_DUPFD_CLOEXEC = IS_MAC ? 67 : 1030
const FD_CLOEXEC = 1
/** SIOCOUTQ: tcp(7) of Linux. */
const TIOCOUTQ = 0x5411
const FIONREAD = IS_MAC ? 0x4004667f : 0x541b
const IPPROTO_TCP = 6
/** Of Linux: the number of the option, and where struct tcp_info has tcpi_min_rtt (tcp.h). */
const TCP_INFO = 11
const TCP_INFO_BYTES = 152
const MIN_RTT = 148 / 4
const NO_RTT = 0xffff_ffff
const BUFFER_BYTES = 4 * 1024 * 1024

function posixSockets(): Sockets {
  const libc = cLibrary()
  const socketpair = libc.func('int socketpair(int domain, int type, int protocol, void *pair)')
  const send = libc.func('int64_t send(int socket, void *from, size_t n, int flags)')
  const recv = libc.func('int64_t recv(int socket, void *to, size_t n, int flags)')
  const poll = libc.func('int poll(void *sockets, uint64_t count, int timeout)')
  const setOption = libc.func('int setsockopt(int s, int level, int name, void *value, int bytes)')
  const getOption = libc.func('int getsockopt(int s, int level, int name, void *value, void *n)')
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, ...)')
  const count = new Int32Array(1)
  const info = new Uint32Array(TCP_INFO_BYTES / 4)
  const yieldCpu = libc.func('int sched_yield()')
  const close = libc.func('int close(int fd)')
  const control = libc.func('int fcntl(int fd, int command, ...)')
  const { EAGAIN, EINTR } = koffi.os.errno
  const isTemporary = () => koffi.errno() === EAGAIN || koffi.errno() === EINTR
  const pollRequest = new Int32Array(2)
  const wait = (socket: number, events: number, timeoutMs: number): boolean => {
    pollRequest[0] = socket
    pollRequest[1] = events
    const ready = Number(poll(pollRequest, 1, timeoutMs))
    // After a signal there may be something: better to look again than to give the peer up.
    return ready > 0 || (ready < 0 && koffi.errno() === EINTR)
  }
  return {
    pair() {
      const fds = new Int32Array(2)
      if (socketpair(AF_UNIX, SOCK_STREAM | (IS_MAC ? 0 : SOCK_CLOEXEC_LINUX), 0, fds) !== 0) {
        throw new SputnikError('NATIVE_FAILED', `socketpair failed (errno ${koffi.errno()})`)
      }
      const [a = -1, b = -1] = fds
      for (const fd of [a, b]) {
        growBuffers(setOption, fd)
        if (IS_MAC) control(fd, F_SETFD, 'int', FD_CLOEXEC)
      }
      return [a, b]
    },
    send(socket, address, bytes) {
      const sent = Number(send(socket, address, bytes, MSG_NOSIGNAL | MSG_DONTWAIT))
      return sent < 0 && isTemporary() ? 0 : sent
    },
    receive(socket, address, bytes) {
      const got = Number(recv(socket, address, bytes, MSG_DONTWAIT))
      if (got > 0) return got
      return got < 0 && isTemporary() ? 0 : -1
    },
    wait: (socket, timeoutMs) => wait(socket, POLLIN, timeoutMs),
    waitToSend: (socket, timeoutMs) => wait(socket, POLLOUT, timeoutMs),
    waitAny: (requests, count, timeoutMs) => void poll(requests, count, timeoutMs),
    duplicate: (socket) => Number(control(socket, F_DUPFD_CLOEXEC, 'int', 0)),
    unread(socket) {
      return Number(ioctl(socket, FIONREAD, 'void *', count)) === 0 ? (count[0] ?? 0) : 0
    },
    unacked(socket) {
      if (IS_MAC) return 0
      return Number(ioctl(socket, TIOCOUTQ, 'void *', count)) === 0 ? (count[0] ?? 0) : 0
    },
    roundTripUs(socket) {
      if (process.platform !== 'linux') return undefined
      count[0] = TCP_INFO_BYTES
      info.fill(NO_RTT)
      const isKnown = Number(getOption(socket, IPPROTO_TCP, TCP_INFO, info, count)) === 0
      const roundTripUs = info[MIN_RTT] ?? NO_RTT
      return isKnown && roundTripUs !== NO_RTT ? roundTripUs : undefined
    },
    unblock(socket) {
      control(socket, F_SETFL, 'int', Number(control(socket, F_GETFL, 'int', 0)) | O_NONBLOCK)
    },
    yield: () => void yieldCpu(),
    close: (socket) => void close(socket),
  }
}

/** Larger buffers let a whole prefill frame leave in few calls; the system may grant less. */
function growBuffers(setOption: (...args: unknown[]) => unknown, fd: number): void {
  const SOL_SOCKET = IS_MAC ? 0xffff : 1
  const value = new Int32Array([BUFFER_BYTES])
  for (const name of IS_MAC ? [0x1001, 0x1002] : [7, 8]) setOption(fd, SOL_SOCKET, name, value, 4)
}
