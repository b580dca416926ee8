import { type Command, Option } from 'commander';
import { ITEM_STATUSES, REQUEST_STATUSES } from '../../domain/request.ts';
import type { ListFlags, PageFlags, RequestFlags } from '../actions/requests.ts';
import type { Cli } from '../cli.ts';

/** Registers `requests`, `request`, `history`, `watch` and `export`. */
export function registerRequests(program: Command, cli: Cli): void {
  const reads = () => import('../actions/requests.ts');
  program
    .command('requests')
    .description('list requests, newest first')
    .addOption(new Option('--status <status>', 'only these').choices(REQUEST_STATUSES))
    .addOption(new Option('--kind <kind>', 'only these').choices(['buy', 'update', 'delete']))
    .option('--limit <count>', 'how many requests, at most 500', '50')
    .option('--cursor <cursor>', 'continue after the previous list')
    .option('--json', 'print JSON')
    .action(async (flags: ListFlags) => (await reads()).list(cli, flags));
  program
    .command('request')
    .description('show one request: figures, chunks, reasons, and what needs a decision')
    .argument('<id>')
    .addOption(new Option('--items <status>', 'list the numbers in this state').choices([...ITEM_STATUSES, 'all']))
    .option('--limit <count>', 'how many numbers, at most 500', '100')
    .option('--cursor <cursor>', 'continue after the previous list of numbers')
    .option('--json', 'print JSON')
    .action(async (id: string, flags: RequestFlags) => (await reads()).showRequest(cli, id, flags));
  program
    .command('history')
    .description('show who did what to a request, and when')
    .argument('<id>')
    .option('--limit <count>', 'how many acts, at most 500', '100')
    .option('--cursor <cursor>', 'continue after the previous list')
    .option('--json', 'print JSON')
    .action(async (id: string, flags: PageFlags) => (await reads()).history(cli, id, flags));
  program
    .command('watch')
    .description('follow a request until it has ended')
    .argument('<id>')
    .option('--timeout <duration>', 'stop watching after this long, such as 10m')
    .option('--json', 'print the request as JSON when it has ended')
    .action(async (id: string, flags: { timeout?: string; json?: boolean }) => {
      cli.exit = await (await reads()).watch(cli, id, flags);
    });
  program
    .command('export')
    .description('print all numbers of a request as CSV')
    .argument('<id>')
    .action(async (id: string) => (await reads()).exportItems(cli, id));
}
