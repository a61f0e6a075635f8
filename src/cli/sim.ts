/** `sputnik sim`: what would happen, in simulated time. Needs no native library. */
import { Command } from 'commander'
import { simNetworkCommand } from './sim-network.js'
import { simServingCommand } from './sim-serving.js'
import { simStepCommand } from './sim-step.js'

export function simCommand(): Command {
  return new Command('sim')
    .description('simulate a day of serving, a step over a network, or a network packet by packet')
    .addCommand(simServingCommand())
    .addCommand(simStepCommand())
    .addCommand(simNetworkCommand())
}
