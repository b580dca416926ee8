import type { Command } from 'commander';
import type { ActFlags, ResolveFlags } from '../actions/act.ts';
import type { UndoFlags } from '../actions/undo.ts';
import type { Cli } from '../cli.ts';
import { DECISIONS } from '../decisions.ts';

/** Registers `cancel`, `pause`, `resume`, `approve`, `retry`, `undo` and `resolve`: short actions on one request. */
export function registerActs(program: Command, cli: Cli): void {
  const acts = () => import('../actions/act.ts');
  acting(program.command('cancel').description('cancel what a request has not sent yet')).action(
    async (id: string, flags: ActFlags) => (await acts()).cancel(cli, id, flags),
  );
  acting(program.command('pause').description('hold a request between two chunks: no new call of it leaves')).action(
    async (id: string, flags: ActFlags) => (await acts()).pause(cli, id, flags),
  );
  acting(program.command('resume').description('let a paused request go on where it stood')).action(
    async (id: string, flags: ActFlags) => (await acts()).resume(cli, id, flags),
  );
  acting(program.command('approve').description('approve a buy that waits for approval')).action(
    async (id: string, flags: ActFlags) => (await acts()).approve(cli, id, flags),
  );
  acting(program.command('retry').description('file a new request for the failed numbers of an ended one')).action(
    async (id: string, flags: ActFlags) => (await acts()).retry(cli, id, flags),
  );
  program
    .command('undo')
    .description('put back what an update changed: shows the plan, then files an update')
    .argument('<id>', 'the request')
    .option('--plan', 'only show what would be put back')
    .option('--yes', 'do not ask')
    .option('--json', 'print what is put back, and the new request, as JSON')
    .action(async (id: string, flags: UndoFlags) => (await import('../actions/undo.ts')).undo(cli, id, flags));
  acting(program.command('resolve').description('decide about a chunk that needs attention'))
    .requiredOption('--chunk <id>', 'the chunk')
    .option('--adopt <id>', DECISIONS.adopt)
    .option('--not-sent', DECISIONS.not_sent)
    .option('--give-up', DECISIONS.give_up)
    .action(async (id: string, flags: ResolveFlags) => (await acts()).resolve(cli, id, flags));
}

function acting(command: Command): Command {
  return command.argument('<id>', 'the request').option('--yes', 'do not ask').option('--json', 'print the request as JSON');
}
