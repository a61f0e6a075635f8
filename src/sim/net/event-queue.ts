/**
 * What a simulation asks of its queue of future events. Events at the same time come out in the
 * order they went in, whatever the queue, so that all queues replay a seed alike.
 */
export type EventQueue = {
  readonly size: number
  /** An event at a time not before the last one popped. `code` is a whole number of 31 bits. */
  push(timePs: number, code: number): void
  /** When the next event is due; infinity when there is none. */
  nextPs(): number
  /** Takes the next event out and returns its code; there must be one. */
  pop(): number
}
