import type { Command } from 'commander';
import { DRIFT_SELECTORS } from '../../domain/reconciliation.ts';
import type { RunFlags, SettleFlags } from '../actions/runs.ts';
import type { Cli } from '../cli.ts';
import { many } from './many.ts';

/** Registers `runs`, `run`, `repair` and `accept`: reconciliation runs, and actions on their drift. */
export function registerRuns(program: Command, cli: Cli): void {
  const acts = () => import('../actions/runs.ts');
  program
    .command('runs')
    .description('list reconciliation runs, newest first, with their open drift')
    .option('--limit <count>', 'how many runs, at most 500', '20')
    .option('--json', 'print JSON')
    .action(async (flags: { limit: string; json?: boolean }) => (await acts()).showRuns(cli, flags));
  program
    .command('run')
    .description('show one reconciliation run with its drift')
    .argument('<run>', 'the run')
    .option('--csv', 'print all its drift as CSV')
    .option('--json', 'print JSON')
    .action(async (id: string, flags: RunFlags) => (await acts()).showRun(cli, id, flags));
  settling(
    program.command('repair').description('restore our values of changed fields by update requests, also days later'),
  ).action(async (id: string, flags: SettleFlags) => {
    cli.exit = await (await acts()).settleByRepair(cli, id, flags);
  });
  settling(program.command('accept').description('take over what the account shows as the wanted state')).action(
    async (id: string, flags: SettleFlags) => {
      cli.exit = await (await acts()).settleByAccept(cli, id, flags);
    },
  );
}

function settling(command: Command): Command {
  return command
    .argument('<run>', 'the run that found the drift')
    .option('--only <field>', `only this field, or missing or surplus; repeatable (${DRIFT_SELECTORS.join(', ')})`, many, [])
    .option('--numbers <file>', 'only these numbers: a CSV with a phone_number column, or one number a line; - is stdin')
    .option('--column <name>', 'the column with the numbers (phone_number)')
    .option('--country <code>', 'the country of numbers in the file that have no +')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON');
}
