/** A flow as full packets and a shorter last one. */

/** Packets of a flow of `bytes`, of `payloadBytes` each. */
export function packetsOf(bytes: number, payloadBytes: number): number {
  return Math.ceil(bytes / payloadBytes)
}

/** Payload of packet `sequence`. */
export function payloadOf(bytes: number, payloadBytes: number, sequence: number): number {
  return Math.min(payloadBytes, bytes - sequence * payloadBytes)
}
