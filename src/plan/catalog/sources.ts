/** Sources that several cards share, each with how far it is trusted. */
import { cite } from './figures.js'

/** Public constants of the InferenceX benchmark: specifications per GPU, and dollars per hour. */
export const INFERENCEX = cite('InferenceX-app packages/app/src/lib/gpu-specs.ts', 'read')
export const INFERENCEX_COSTS = cite('InferenceX-app packages/app/src/lib/constants.ts', 'read')

export const MARGINS = cite('AshitaOrbis/inference-margins site/engine.js', 'read')
export const HMC = cite('hmc-tech.com specification pages', 'read')
export const AICONFIGURATOR = cite('aiconfigurator src/aiconfigurator/systems', 'read')

export const DATASHEET = cite('data sheet of the vendor', 'recalled')
export const WHITEPAPER = cite('architecture white paper of the vendor', 'recalled')
export const SMI = cite('nvidia-smi', 'recalled')

/** One of the four sub-cores of an SM has one since Ampere, two of eight in Volta. */
export const TENSOR_CORES = cite('NVIDIA architecture white papers', 'recalled')

export const KAEL = cite('kaelresearch.com, divided by the number of GPUs', 'derived')
export const PRICE_GUIDE = cite('gpu-cloud-price-guide', 'read')
