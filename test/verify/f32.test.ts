/** All architectures with f32 weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('f32')
