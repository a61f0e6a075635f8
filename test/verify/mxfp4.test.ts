/** All architectures with mxfp4 weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('mxfp4')
