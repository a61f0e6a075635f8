/**
 * The one release of the native libraries this version of sputnik is written against.
 * Struct layouts belong to a release, so every number here changes together with them.
 */

export const RELEASE = {
  /** Version of the `@node-llama-cpp/*` packages. */
  packageVersion: '3.22.1',
  /** llama.cpp release named in the packages' `_nlcBuildMetadata.json`. */
  llamaRelease: 'v0.5.0',
  /** What `llama_version()` and `ggml_version()` answer. */
  llamaVersion: '0.5.0-dev',
  ggmlVersion: '0.25.1',
  /** GGML_BACKEND_API_VERSION of ggml-backend-impl.h. */
  backendApiVersion: 2,
  /** sizeof(struct ggml_tensor) + sizeof(struct ggml_object), from `ggml_tensor_overhead()`. */
  tensorOverheadBytes: 336 + 32,
} as const

export type Backend = 'cpu' | 'cuda' | 'vulkan' | 'metal'

/** Packages per platform and backend, in order of preference; none is needed but the first. */
export function packagesFor(backend: Backend, platform: string, arch: string): string[] {
  const names: Record<string, readonly string[]> = {
    'linux-x64-cpu': ['linux-x64'],
    'linux-x64-cuda': ['linux-x64-cuda'],
    'linux-x64-vulkan': ['linux-x64-vulkan'],
    'linux-arm64-cpu': ['linux-arm64'],
    'darwin-arm64-metal': ['mac-arm64-metal'],
    'darwin-arm64-cpu': ['mac-arm64-metal'],
    'darwin-x64-cpu': ['mac-x64'],
    'win32-x64-cpu': ['win-x64'],
    'win32-x64-cuda': ['win-x64-cuda'],
    'win32-x64-vulkan': ['win-x64-vulkan'],
    'win32-arm64-cpu': ['win-arm64'],
  }
  return (names[`${platform}-${arch}-${backend}`] ?? []).map((name) => `@node-llama-cpp/${name}`)
}
