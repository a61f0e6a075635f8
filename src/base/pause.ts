/** Waits without an event loop, for code that measures or polls in one go. */

const never = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread for so many milliseconds. */
export function pauseSync(ms: number): void {
  Atomics.wait(never, 0, 0, ms)
}
