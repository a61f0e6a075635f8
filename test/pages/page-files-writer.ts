/** Writes pages into the folder it is given for as long as it lives; says when it has begun. */
import { randomBytes } from 'node:crypto'
import { PageFiles } from '../../src/pages/page-files.js'
import { loosePage } from './support.js'

const [, , folder = ''] = process.argv
const store = new PageFiles(folder, { bytesMax: 64 << 20, nowMs: Date.now })
process.stdout.write('writing\n')

async function write(): Promise<void> {
  for (;;) {
    const bytes = randomBytes(1 << 20)
    await store.put(loosePage(bytes), bytes)
  }
}

await Promise.all([write(), write(), write()])
