/** Entry of the process that measures a model. */
import { type BenchReport, type BenchRequest, bench } from './bench.js'
import { answerTask } from './child-task.js'

const now = (): number => performance.now()

answerTask<BenchRequest, BenchReport>((options) => bench({ ...options, now }))
