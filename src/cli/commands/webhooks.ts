import { type Command, Option } from 'commander';
import { DELIVERY_STATUSES } from '../../domain/outgoing.ts';
import type { WebhookFlags } from '../actions/webhooks.ts';
import type { Cli } from '../cli.ts';

/** Registers `webhooks`: what users were told. */
export function registerWebhooks(program: Command, cli: Cli): void {
  program
    .command('webhooks')
    .description('list the deliveries of outgoing webhooks, newest first')
    .addOption(new Option('--status <status>', 'only deliveries with this status').choices(DELIVERY_STATUSES))
    .option('--limit <count>', 'how many deliveries, at most 500', '20')
    .option('--cursor <cursor>', 'continue after the previous list')
    .option('--json', 'print JSON')
    .action(async (flags: WebhookFlags) => (await import('../actions/webhooks.ts')).showWebhooks(cli, flags));
}
