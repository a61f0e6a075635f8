/** What SIGINT and SIGTERM do: end long work early, with what there is, or a server in order. */

export type Stopped<T> = { readonly result: T; readonly isStopped: boolean }

/** What a shell reports of programs that these ended. */
const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const
export const STOPPED_STATUS = SIGNAL_STATUS.SIGINT

type StopSignal = keyof typeof SIGNAL_STATUS

type Stoppable = {
  /** In good order. */
  readonly stop: (signal: StopSignal) => void
  /** At once. */
  readonly kill: () => void
}

/** The first signal stops, the second one ends the process too. Returns how to listen no more. */
export function stopOnSignals({ stop, kill }: Stoppable): () => void {
  let isStopping = false
  const onSignal = (signal: StopSignal): void => {
    if (isStopping) {
      kill()
      process.exit(SIGNAL_STATUS[signal])
    }
    isStopping = true
    stop(signal)
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

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
