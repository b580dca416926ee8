import { Argument, type Command } from 'commander';
import { type Cli, say } from '../cli.ts';
import { SHELLS, type Shell } from '../shells.ts';

/** Registers `completion`, which prints a script for a shell. */
export function registerCompletion(program: Command, cli: Cli): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(async (shell: Shell) => say(cli, (await import('../completion.ts')).completionScript(program, shell)));
}
