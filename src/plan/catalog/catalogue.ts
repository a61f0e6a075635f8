/** All cards there are, and how to find one. */
import { SputnikError } from '../../base/errors.js'
import { nearText, plain } from '../../base/nearest.js'
import type { Card } from './card.js'
import { AMD } from './cards/amd.js'
import { APPLE_CHIPS } from './cards/apple.js'
import { BLACKWELL } from './cards/nvidia-blackwell.js'
import { GEFORCE } from './cards/nvidia-geforce.js'
import { HOPPER_AND_BEFORE } from './cards/nvidia-hopper.js'
import { WORKSTATION } from './cards/nvidia-workstation.js'
import { PROCESSORS } from './cards/processors.js'

export const CARDS: readonly Card[] = [
  ...HOPPER_AND_BEFORE,
  ...BLACKWELL,
  ...WORKSTATION,
  ...GEFORCE,
  ...AMD,
  ...APPLE_CHIPS,
  ...PROCESSORS,
]

/** By id or name, whatever its case and hyphens. Throws CARD_UNKNOWN with the nearest ids. */
export function findCard(id: string): Card {
  const wanted = plain(id)
  const card = CARDS.find((one) => plain(one.id) === wanted || plain(one.name) === wanted)
  if (card !== undefined) return card
  const ids = CARDS.map((one) => one.id)
  throw new SputnikError('CARD_UNKNOWN', unknownText('card', id, ids), { name: id })
}

/** `no card 'rtx-5900' in the catalogue; near: rtx-5090, rtx-5080`. */
export function unknownText(what: string, id: string, ids: readonly string[]): string {
  return `no ${what} '${id}' in the catalogue${nearText(id, ids)}`
}
