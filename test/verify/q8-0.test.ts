/** All architectures with q8_0 weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('q8_0')
