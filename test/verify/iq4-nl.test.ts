/** All architectures with iq4_nl weights. */
import { verifyArchitectures } from './architectures.js'

verifyArchitectures('iq4_nl')
