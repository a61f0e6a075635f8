/** What a network counts. Bytes are on the wire: headers included. */

export class Counters {
  /** Handed to NICs. */
  sentPackets = 0
  sentBytes = 0
  /** Received by hosts. */
  arrivedPackets = 0
  arrivedBytes = 0
  droppedPackets = 0
  droppedBytes = 0
  /** Packets that lost their payload, and how much that was. */
  trimmedPackets = 0
  trimmedBytes = 0
  returnedPackets = 0
  markedPackets = 0
  /** On links now: sending has begun, the last bit is not yet there. */
  flyingPackets = 0
  flyingBytes = 0
  /** A packet that leaves one port is one transmission. */
  transmissions = 0
}
