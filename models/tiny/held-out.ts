/** The held-out texts that export.py wrote, with the tokens its own tokenizer gave them. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const HeldOut = z.object({
  endOfText: z.int(),
  parts: z.array(z.object({ name: z.string(), text: z.string(), tokens: z.array(z.int()) })),
})

export type HeldOutFile = z.infer<typeof HeldOut>

export function readHeldOut(folder: string): HeldOutFile {
  return HeldOut.parse(JSON.parse(readFileSync(join(folder, 'held-out.json'), 'utf8')))
}
