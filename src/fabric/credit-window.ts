/**
 * How many bytes a receiver may have under way towards itself, and how fast it may hand out more.
 * Follows from the measured rate and round trip of its link; knows nothing of peers. Pure.
 *
 * window = bandwidth x round trip + a share of the switch's buffer. The first part keeps the link
 * busy (RTTbytes of Homa: Montazeri et al., SIGCOMM 2018), the second absorbs late senders (what
 * Homa overcommits for). All of it may meet in one buffer if senders that hold credit start
 * together, so both parts together have to fit there. The scheduled credits are paced at the link's
 * rate, as NDP paces its pulls (Handley et al., SIGCOMM 2017) and ExpressPass its credits (Cho et
 * al., SIGCOMM 2017). The numbers below are this project's own unless a source is named.
 */

/** Payload of a full Ethernet packet of TCP with time stamps: 1500 - 40 - 12. */
export const SEGMENT_BYTES = 1448

/**
 * All that may be under way, as the time the link takes for it, and the least share of buffer in
 * that. At 1 Gbit/s 87 kB and 48 kB: with 6 % of headers the first fits the 100 kB of a shallow
 * gigabit switch, up to a round trip of 300 us. The nearer the senders, the larger the share: then
 * late ones are rather those whose process had no core for a while.
 */
const WINDOW_US = 700
const SHARE_US = 384
/** Ten segments: what any path takes at once (initial window of RFC 6928). */
const SHARE_MIN = 10 * SEGMENT_BYTES
const SHARE_MAX = 256 * 1024
const SHARE_STALLED_MIN = 4 * SEGMENT_BYTES

const TURN_SEGMENTS_MAX = 90
/** Senders at work: few enough that a turn is worth its grant, and not so few that one matters. */
const TURNS = 4

/** Bandwidth-delay product beyond which a round trip is taken for a mistake. */
const PIPE_MAX = 64 * 1024 * 1024

/** Credits are paced faster than data comes, to find a faster link (the probing gain of BBR). */
const PACE_GAIN_PERCENT = 125

export class CreditWindow {
  /** Upper bound of the share after a stall; grows back by a segment per window delivered. */
  #ceiling = SHARE_MAX
  #sinceRaised = 0
  #bytesPerSecond = 0
  #pipeBytes = 0
  #shareBytes = SHARE_MIN
  #credit = SHARE_MIN
  #creditUs = 0

  /** Takes new estimates over; a round trip of 0 stands for one not measured yet. */
  update(bytesPerSecond: number, roundTripUs: number): void {
    this.#bytesPerSecond = bytesPerSecond
    this.#pipeBytes = Math.min(PIPE_MAX, Math.floor((bytesPerSecond * roundTripUs) / 1_000_000))
    const shareUs = Math.max(SHARE_US, WINDOW_US - roundTripUs)
    const share = Math.floor((bytesPerSecond * shareUs) / 1_000_000)
    this.#shareBytes = Math.min(this.#ceiling, Math.max(SHARE_MIN, Math.min(SHARE_MAX, share)))
  }

  /** Most bytes under way from all senders together. */
  get bytes(): number {
    return this.#pipeBytes + this.#shareBytes
  }

  /**
   * Most bytes granted to senders that have not shown that they are ready. The rest, a quarter of
   * the share and the whole pipe, stays for those that are: one of them alone can fill the link.
   */
  get aheadBytes(): number {
    return this.#shareBytes - (this.#shareBytes >> 2)
  }

  /**
   * Bytes of one turn of one sender: whole segments, a quarter of the window. Smaller ones would
   * cost a grant frame each, larger ones would leave too few senders at work.
   */
  get turnBytes(): number {
    const segments = Math.floor(this.bytes / (TURNS * SEGMENT_BYTES))
    return Math.min(TURN_SEGMENTS_MAX, Math.max(2, segments)) * SEGMENT_BYTES
  }

  /** Most bytes under way from one sender so far away. */
  forRoundTrip(roundTripUs: number): number {
    return Math.floor((this.#bytesPerSecond * roundTripUs) / 1_000_000) + this.#shareBytes
  }

  /**
   * A sender that was at work fell silent: a packet was probably lost to a full buffer. Halves the
   * share, as TCP does with its window (RFC 5681).
   */
  stalled(): void {
    this.#ceiling = Math.max(SHARE_STALLED_MIN, this.#shareBytes >> 1)
    this.#shareBytes = Math.min(this.#shareBytes, this.#ceiling)
    this.#sinceRaised = 0
  }

  arrived(bytes: number): void {
    if (this.#ceiling >= SHARE_MAX) return
    this.#sinceRaised += bytes
    if (this.#sinceRaised < this.bytes) return
    this.#sinceRaised = 0
    this.#ceiling = Math.min(SHARE_MAX, this.#ceiling + SEGMENT_BYTES)
  }

  /** Takes `bytes` of the pace if it has come that far. */
  pace(bytes: number, nowUs: number): boolean {
    this.#refill(nowUs)
    // A turn longer than the bucket passes when the bucket is full.
    if (this.#credit < Math.min(bytes, this.#shareBytes)) return false
    this.#credit -= bytes
    return true
  }

  /** When `pace` will allow so many bytes. */
  paceUs(bytes: number, nowUs: number): number {
    this.#refill(nowUs)
    const missing = Math.min(bytes, this.#shareBytes) - this.#credit
    return missing <= 0 ? nowUs : nowUs + Math.ceil((missing * 1_000_000) / this.#paceRate)
  }

  get #paceRate(): number {
    return Math.max(1, Math.floor((this.#bytesPerSecond * PACE_GAIN_PERCENT) / 100))
  }

  #refill(nowUs: number): void {
    const earned = Math.floor((this.#paceRate * Math.max(0, nowUs - this.#creditUs)) / 1_000_000)
    // Less than a byte: the time stays on account.
    if (earned === 0) return
    this.#credit = Math.min(this.#shareBytes, this.#credit + earned)
    this.#creditUs = nowUs
  }
}
