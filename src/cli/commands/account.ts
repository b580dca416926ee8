import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

/** `account` and `account reopen`. */
export function registerAccount(program: Command, cli: Cli): void {
  const account = program
    .command('account')
    .description('show the account gate, balance, job slots in use and learned limits')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => (await import('../actions/account.ts')).showAccount(cli, flags));
  account
    .command('reopen')
    .description('open the account gate, so that spending goes on')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(async (_own: object, command: Command) => {
      // The parent command has `--json` too and would take it, so the flags of both are read.
      const flags: { yes?: boolean; json?: boolean } = command.optsWithGlobals();
      await (await import('../actions/account.ts')).reopen(cli, flags);
    });
}
