/** A head with three cards that prints their process ids and then waits to be killed. */
import { drawTokens, openFleet } from './support.js'

const fleet = openFleet({ cards: 3 })
fleet.compute(drawTokens(4))
console.log(JSON.stringify(fleet.domains.map((domain) => domain.pid)))
setInterval(() => {}, 1000)
