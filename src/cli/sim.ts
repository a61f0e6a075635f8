/** `sputnik sim`: what would happen, in simulated time. Needs no native library. */
import { Command } from 'commander'
import { simNetworkCommand } from './sim-network.js'
import { simServingCommand } from './sim-serving.js'

export function simCommand(): Command {
  return new Command('sim')
    .description('simulate a network packet by packet, or a day of serving')
    .addCommand(simServingCommand())
    .addCommand(simNetworkCommand())
}
