import type { DeliveryStatus } from '../../domain/outgoing.ts';
import { readDeliveries } from '../../producers/read/deliveries.ts';
import { type Cli, note, result, withProducer } from '../cli.ts';
import { count, table } from '../output.ts';
import { type PageFlags, pageOf } from './requests.ts';

/** The flags of `webhooks`. */
export type WebhookFlags = PageFlags & { status?: DeliveryStatus };

/** Lists the deliveries of outgoing webhooks. */
export async function showWebhooks(cli: Cli, flags: WebhookFlags): Promise<void> {
  const { status } = flags;
  const page = await withProducer(cli, (deps) =>
    readDeliveries(deps.db, { ...pageOf(flags), ...(status !== undefined && { status }) }),
  );
  await result(cli, flags.json, { data: page.data, next_cursor: page.nextCursor }, () =>
    table(
      ['event', 'of', 'to', 'status', { title: 'attempts', align: 'right' }, 'next', 'last answer'],
      page.data.map((d) => [
        d.type,
        d.timestamp,
        d.url,
        d.status,
        count(d.attempts),
        d.next_attempt_at ?? '-',
        d.last_error ?? (d.last_status === null ? '-' : String(d.last_status)),
      ]),
      cli.io.paintOut,
    ),
  );
  if (page.nextCursor !== null && flags.json !== true) note(cli, `there are more: --cursor ${page.nextCursor}`);
}
