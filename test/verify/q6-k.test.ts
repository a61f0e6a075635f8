/** All architectures with q6_K weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('q6_K')
