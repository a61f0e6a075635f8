/** Writes pages into the folder it is given for as long as it lives; says when one is stored. */
import { randomBytes } from 'node:crypto'
import { PageFiles } from '../../src/pages/page-files.js'
import { loosePage, WRITTEN_PAGE_BYTES } from './support.js'

const [, , folder = ''] = process.argv
const store = new PageFiles(folder, { bytesMax: 4 * WRITTEN_PAGE_BYTES, nowMs: Date.now })

async function write(): Promise<void> {
  for (;;) {
    const bytes = Buffer.concat([randomBytes(32), Buffer.alloc(WRITTEN_PAGE_BYTES - 32)])
    await store.put(loosePage(bytes), bytes)
    process.stdout.write('stored\n')
  }
}

await Promise.all([write(), write()])
