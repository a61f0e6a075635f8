/** Entry of the process that verifies a model. */
import { answerTask } from './child-task.js'
import { type Verification, type VerifyRequest, verify } from './verify.js'

answerTask<VerifyRequest, Verification>(verify)
