/**
 * Makes a manifest in a thread of its own: a large model takes minutes of hashing, and steps must
 * not wait for it.
 */
import { Worker } from 'node:worker_threads'
import { fromPlain, type PlainError, SputnikError } from '../base/errors.js'
import type { Manifest } from './manifest.js'

export type ManifestTask = {
  readonly path: string
  /** As in `ManifestOptions`. */
  readonly folder: string | undefined
}

export type ManifestNews =
  | { readonly kind: 'progress'; readonly percent: number }
  | { readonly kind: 'made'; readonly manifest: Manifest }
  | { readonly kind: 'failed'; readonly error: PlainError }

export type ManifestInBackground = {
  /** Rejects with a SputnikError as `manifestOf` does, and when stopped. */
  readonly manifest: Promise<Manifest>
  readonly stop: () => void
}

export function manifestInBackground(
  path: string,
  {
    folder,
    onPercent,
  }: { folder?: string | undefined; onPercent?: (percent: number) => void } = {},
): ManifestInBackground {
  const task: ManifestTask = { path, folder }
  const worker = new Worker(new URL('./manifest-thread.js', import.meta.url), { workerData: task })
  const manifest = new Promise<Manifest>((resolve, reject) => {
    worker.on('message', (news: ManifestNews) => {
      if (news.kind === 'progress') onPercent?.(news.percent)
      else if (news.kind === 'made') resolve(news.manifest)
      else reject(fromPlain(news.error))
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new SputnikError('CANCELLED', 'the manifest is not wanted')))
  })
  return { manifest, stop: () => void worker.terminate() }
}
