import { openGate } from '../../db/account.ts';
import { readAccount } from '../../db/queries/account.ts';
import { readAccountView } from '../../producers/read/read.ts';
import type { AccountView } from '../../producers/read/views.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { moneyWith, type Paint, painted, pairs, table } from '../output.ts';
import { timeText } from '../short.ts';

/** Shows the account gate, the balance, the slots in use and the learned limits. */
export async function showAccount(cli: Cli, flags: { json?: boolean }): Promise<void> {
  const view = await withProducer(cli, (deps, config) => readAccountView(deps.db, config.queue.jobSlots));
  await result(cli, flags.json, view, () => accountText(view, cli.io.paintOut));
}

/** Opens the account gate. */
export async function reopen(cli: Cli, flags: { yes?: boolean; json?: boolean }): Promise<void> {
  requireConsent(cli.io, flags.yes);
  const { view, opened } = await withProducer(cli, async (deps, config) => {
    await confirm(
      cli.io,
      flags.yes,
      async () =>
        `This lets all requests spend again. The gate was closed because: ${(await readAccount(deps.db.reads)).reason ?? '(it is open)'}`,
    );
    const done = await openGate(deps.db.sql, { actor: actor(), at: deps.clock.now() });
    return { opened: done, view: await readAccountView(deps.db, config.queue.jobSlots) };
  });
  await result(cli, flags.json, view, () => accountText(view, cli.io.paintOut));
  note(cli, opened ? 'the gate is open; work goes on within seconds' : 'the gate was open already');
}

function accountText(view: AccountView, paint: Paint): string {
  const { gate, balance } = view;
  const head = pairs(
    [
      ['gate', gate.open ? painted('green', 'open') : painted('red', 'closed')],
      ['reason', gate.code === null ? gate.reason : `${gate.reason ?? ''} (${gate.code})`.trim()],
      ['what to do', gate.advice],
      ['closed', gate.closed_at === null ? null : timeText(gate.closed_at, paint)],
      ['next probe', gate.next_probe_at === null ? null : timeText(gate.next_probe_at, paint)],
      [
        'last opened',
        gate.reopened === null ? null : `${timeText(gate.reopened.at, paint)} by ${gate.reopened.by ?? 'somebody'}`,
      ],
      [
        'balance',
        balance === null
          ? 'not looked up yet'
          : `${moneyWith(balance.amount, balance.currency)} (${balance.as_of === null ? 'unknown time' : timeText(balance.as_of, paint)})`,
      ],
      [
        'credit',
        balance === null || balance.available_credit === null ? null : moneyWith(balance.available_credit, balance.currency),
      ],
      ['job slots', `${view.slots_in_use} of ${view.slots} in use`],
    ],
    paint,
  );
  return head + limitsText(view.limits, paint);
}

function limitsText(limits: AccountView['limits'], paint: Paint): string {
  if (limits.length === 0) return '';
  const rows = limits.map((l) => [
    l.family,
    String(l.per_second ?? '-'),
    l.announced ?? '-',
    l.paused_until === null ? '-' : timeText(l.paused_until, paint),
  ]);
  return `\n\n${table(['calls', { title: 'a second', align: 'right' }, 'announced by Telnyx', 'paused until'], rows, paint)}`;
}
