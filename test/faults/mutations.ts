/** Bugs that somebody could make, planted for the time of a run: the checks have to find each. */
import { PageChanges } from '../../src/domain/page-changes.js'
import { CreditSender } from '../../src/fabric/credit-sender.js'
import { Dispatcher } from '../../src/fleet/dispatcher.js'
import { Fleet } from '../../src/fleet/fleet.js'
import { PageCards } from '../../src/fleet/page-cards.js'
import { Piece } from '../../src/fleet/piece.js'
import { Relocation } from '../../src/fleet/relocation.js'
import { Directory } from '../../src/pages/directory.js'
import type { Page } from '../../src/pages/holder-table.js'
import { Retirement } from '../../src/pages/retirement.js'
import { PageSupply } from './page-supply.js'

export type Mutation = {
  readonly name: string
  /** One of these is broken by it. */
  readonly rules: readonly string[]
  /** Returns what takes it out again. */
  readonly plant: () => () => void
}

const SUMS = 'sums are those of the reference'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the head is content with a part of what was asked instead',
    rules: [SUMS],
    plant: () =>
      replace(Piece.prototype, 'isDone', {
        get(this: Piece) {
          return this.rows !== undefined || (this.others?.some((other) => other.isDone) ?? false)
        },
      }),
  },
  {
    name: 'the head does not ask others for what a lost domain owed',
    rules: ['a run ends', 'a step fails soon'],
    plant: () => replace(Dispatcher.prototype, 'lost', { value: () => {} }),
  },
  {
    name: 'the directory points at pages before they are mapped',
    rules: [
      'the directory points at pages that are there',
      'the head knows where pages lie',
      'a domain has what it is asked for',
    ],
    plant: () => {
      const { stage } = Directory.prototype
      return replace(Directory.prototype, 'stage', {
        value(this: Directory, moves: Parameters<typeof stage>[0]) {
          const change = stage.call(this, moves)
          for (const { to, region, expert } of moves) {
            if (to === undefined) continue
            this.reportMapped({ change, domain: to, pages: [{ region, expert }] })
          }
          return change
        },
      })
    },
  },
  {
    name: 'pages are unmapped under a step that uses them',
    rules: ['a domain has what it is asked for'],
    plant: () => {
      const undo = [
        replace(Retirement.prototype, 'began', { value: () => {} }),
        replace(Retirement.prototype, 'ended', { value: () => {} }),
      ]
      return () => {
        for (const act of undo) act()
      }
    },
  },
  {
    name: 'a sender spends credit twice',
    rules: ['credit is conserved'],
    plant: () => {
      const right = Object.getOwnPropertyDescriptor(CreditSender.prototype, 'creditBytes')
      return replace(CreditSender.prototype, 'creditBytes', {
        get(this: CreditSender) {
          return 2 * (right?.get?.call(this) as number)
        },
      })
    },
  },
  {
    name: 'a domain takes a page without looking at its hash',
    rules: [SUMS],
    plant: () => replace(PageSupply.prototype, 'isRight', { value: () => true }),
  },
  {
    name: 'the head takes all pages of a map to be on the card of the first',
    rules: ['the head knows where pages lie'],
    plant: () => {
      const { set } = PageCards.prototype
      return replace(PageCards.prototype, 'set', {
        value(this: PageCards, pages: readonly Page[], [card = 0]: readonly number[]) {
          set.call(this, pages, new Array<number>(pages.length).fill(card))
        },
      })
    },
  },
  {
    name: 'a domain keeps it to itself which pages are gone',
    rules: ['directory and page tables agree', 'a domain has what it is asked for'],
    plant: () => replace(PageChanges.prototype, 'takeGone', { value: () => [] }),
  },
  {
    name: 'the head lets a domain go that has said which pages are gone',
    rules: ['a domain has what it is asked for'],
    plant: () => replace(Fleet.prototype, 'isExcused', { value: () => false }),
  },
  {
    name: 'nobody thinks of where pages should lie when somebody is lost',
    rules: ['the fleet is whole in time', 'steps finish when faults are over'],
    plant: () => replace(Relocation.prototype, 'forget', { value: () => {} }),
  },
]

/** Puts something else in the place of a member of a class; returns what undoes it. */
function replace(prototype: object, name: string, other: PropertyDescriptor): () => void {
  const right = Object.getOwnPropertyDescriptor(prototype, name)
  if (right === undefined) throw new Error(`there is no ${name} any more`)
  Object.defineProperty(prototype, name, { ...other, configurable: true })
  return () => {
    Object.defineProperty(prototype, name, right)
  }
}
