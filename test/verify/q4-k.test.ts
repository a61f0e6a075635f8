/** All architectures with q4_K weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('q4_K')
