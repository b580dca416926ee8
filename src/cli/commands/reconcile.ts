import type { Command } from 'commander';
import type { ReconcileFlags } from '../actions/reconcile.ts';
import type { Cli } from '../cli.ts';

/** Registers `reconcile`, which starts a reconciliation run. A worker carries it out. */
export function registerReconcile(program: Command, cli: Cli): void {
  program
    .command('reconcile')
    .description(
      'compare the inventory with the account; exit 0 nothing open, 2 open drift, also of earlier runs, 1 error or incomplete',
    )
    .option('--repair', 'repair fields that were changed elsewhere, by update requests')
    .option('--yes', 'do not ask (with --repair)')
    .option('--json', 'print the run as JSON')
    .action(async (flags: ReconcileFlags) => {
      cli.exit = await (await import('../actions/reconcile.ts')).reconcile(cli, flags);
    });
}
