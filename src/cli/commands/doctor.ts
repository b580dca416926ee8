import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

/** Registers `doctor`, which checks everything that the work needs. */
export function registerDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description(
      'check the key and what it may do, the balance, the database and its migrations, Redis, the clock and the workers',
    )
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => (await import('../actions/doctor.ts')).doctor(cli, flags));
}
