/** Long work that SIGINT and SIGTERM end early, with what there is. */

export type Stopped<T> = { readonly result: T; readonly isStopped: boolean }

/** What a shell reports of programs that SIGINT ended. */
export const STOPPED_STATUS = 130

/** `work` is to end soon after the signal is aborted; a second one ends the process. */
export async function untilStopped<T>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Stopped<T>> {
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const result = await work(stop.signal)
    return { result, isStopped: stop.signal.aborted }
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
