/** All architectures with q4_0 weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('q4_0')
