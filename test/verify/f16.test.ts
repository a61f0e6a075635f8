/** All architectures with f16 weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('f16')
