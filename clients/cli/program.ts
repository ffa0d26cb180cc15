/** All commands, as commander knows them. */
import { Command } from 'commander';
import { addGlobalOptions } from './command.js';
import { addAccessCommands } from './commands/access.js';
import { addAliasCommands } from './commands/aliases.js';
import { addCompletionCommand } from './commands/completion.js';
import { addConfigurationCommands } from './commands/configuration.js';
import { addDeployCommands } from './commands/deploy.js';
import { addDeploymentCommands } from './commands/deployments.js';
import { addExplainCommands } from './commands/explain.js';
import { addGenerateCommands } from './commands/generate.js';
import { addInferCommand } from './commands/infer.js';
import { addLookCommands } from './commands/look.js';
import { addMachineCommands, type Machine } from './commands/machine.js';
import { addMonitorCommands } from './commands/monitors.js';
import { addPushCommand } from './commands/push.js';
import { addScaleCommands } from './commands/scale.js';
import { addServerCommands } from './commands/servers.js';

export function buildProgram(machine: Machine): Command {
  const program = new Command('pilothouse')
    .description('a control plane for machine-learning models')
    .version(machine.version, '-v, --version')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    // One line: what was wrong, and the suggestion behind it.
    .configureOutput({
      outputError: (text, write) =>
        write(
          `pilothouse: ${text
            .trim()
            .replace(/^error: /, '')
            .replace(/\s*\n\s*/g, ' ')}\n`,
        ),
    });
  addGlobalOptions(program);
  addMachineCommands(program, machine);
  addServerCommands(program);
  addPushCommand(program);
  addLookCommands(program);
  addAliasCommands(program);
  addDeployCommands(program);
  addDeploymentCommands(program);
  addExplainCommands(program);
  addScaleCommands(program);
  addInferCommand(program);
  addMonitorCommands(program);
  addConfigurationCommands(program);
  addAccessCommands(program);
  addGenerateCommands(program);
  addCompletionCommand(program);
  return program.addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 not allowed, 5 unreachable, 6 conflict, 124 not finished within --timeout\nThe settings of the server: pilothouse help',
  );
}
