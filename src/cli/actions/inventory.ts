import { pipeline } from 'node:stream/promises';
import type { InventoryFilter } from '../../db/queries/inventory.ts';
import { type Share, summarize } from '../../db/queries/summary.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import { isE164 } from '../../domain/phone-number.ts';
import { CSV } from '../../producers/read/csv.ts';
import { type FieldChange, readNumber } from '../../producers/read/history.ts';
import { readInventory } from '../../producers/read/read.ts';
import { NUMBER_COLUMNS, numberRows } from '../../producers/read/streams.ts';
import { moneyText, type NumberView } from '../../producers/read/views.ts';
import { type Cli, note, result, withProducer } from '../cli.ts';
import { parseWhere, wholeNumber } from '../flag-values.ts';
import { type Column, count, moneyWith, type Paint, pairs, plural, table } from '../output.ts';
import { fieldText } from '../request-words.ts';
import { idText, timeText } from '../short.ts';

/** The flags of `inventory`. */
export interface InventoryFlags {
  where: string[];
  limit: string;
  cursor?: string;
  summary?: boolean;
  csv?: boolean;
  json?: boolean;
}

/** Lists the numbers of the inventory. */
export async function inventory(cli: Cli, flags: InventoryFlags): Promise<void> {
  const filter = await filterOf(flags.where);
  if (flags.csv === true && flags.json === true) throw invalid([{ path: '--csv', message: 'cannot be combined with --json' }]);
  if (flags.summary === true) return summary(cli, filter, flags);
  if (flags.csv === true) {
    const { stringify } = await import('csv-stringify');
    await withProducer(cli, (deps) =>
      pipeline(numberRows(deps.db, filter), stringify({ ...CSV, columns: [...NUMBER_COLUMNS] }), cli.io.stdout, { end: false }),
    );
    return;
  }
  const limit = wholeNumber(flags.limit, '--limit', 500);
  if (flags.cursor !== undefined && !isE164(flags.cursor))
    throw invalid([{ path: '--cursor', message: `"${flags.cursor}" is no cursor of this list` }]);
  const page = await withProducer(cli, (deps) =>
    readInventory(deps.db, filter, { limit, ...(flags.cursor !== undefined && { cursor: flags.cursor }) }),
  );
  await result(cli, flags.json, { data: page.data, next_cursor: page.nextCursor }, () =>
    table(
      [
        'phone number',
        'status',
        'type',
        'connection',
        { title: 'messaging profile', fit: 'cut' },
        { title: 'tags', fit: 'fold' },
      ],
      page.data.map((n) => [
        n.phone_number,
        n.status ?? n.state,
        n.phone_number_type ?? '',
        n.connection_id ?? '-',
        n.messaging_profile_id ?? '-',
        n.tags.join(', '),
      ]),
      cli.io.paintOut,
    ),
  );
  if (page.nextCursor !== null && flags.json !== true)
    note(cli, `there are more: --cursor ${page.nextCursor}, or all of them: --csv`);
}

/** Counts the matching numbers and what they cost a month, in all, by area code and by tag. */
async function summary(cli: Cli, filter: InventoryFilter, flags: InventoryFlags): Promise<void> {
  if (flags.csv === true) throw invalid([{ path: '--summary', message: 'cannot be combined with --csv' }]);
  const found = await withProducer(cli, (deps) => summarize(deps.db.reads, filter));
  const currency = found.all.currency ?? 'USD';
  const view = ({ numbers, monthly, priced }: Share) => ({ numbers, monthly_cost: moneyText(monthly), with_known_price: priced });
  const value = {
    currency,
    total: view(found.all),
    by_area_code: found.areaCodes.map((s) => ({ national_destination_code: s.of, ...view(s) })),
    by_tag: found.tags.map((s) => ({ tag: s.of, ...view(s) })),
  };
  await result(cli, flags.json, value, () => summaryText(found, currency, cli.io.paintOut));
}

/** A summary on a terminal has at most this many rows of each sort. */
const SHOWN_SHARES = 20;

function summaryText(found: Awaited<ReturnType<typeof summarize>>, currency: string, paint: Paint): string {
  const { all, areaCodes, tags } = found;
  const unknown = all.numbers - all.priced;
  const total = pairs(
    [
      ['numbers', count(all.numbers)],
      ['a month', moneyWith(moneyText(all.monthly), currency)],
      ['unknown', unknown === 0 ? null : `${plural(unknown, 'number')} bought elsewhere, whose price Telnyx does not tell`],
    ],
    paint,
  );
  const part = (title: string, none: string, shares: readonly Share[]) => {
    const shown = shares.slice(0, SHOWN_SHARES).map((s) => [s.of ?? none, count(s.numbers), moneyText(s.monthly) ?? '']);
    const more = shares.length - shown.length;
    const columns: Column[] = [
      { title, fit: 'cut' },
      { title: 'numbers', align: 'right' },
      { title: 'a month', align: 'right' },
    ];
    return `${table(columns, shown, paint)}${more > 0 ? `\n${paint('dim', `and ${count(more)} more: --json`)}` : ''}`;
  };
  return [total, part('area code', 'other', areaCodes), part('tag', 'none', tags)].join('\n\n');
}

/** Checks the filter. The shapes load slowly, so a list without a filter does not import them. */
async function filterOf(texts: readonly string[]): Promise<InventoryFilter> {
  if (texts.length === 0) return {};
  const { parseFilter } = await import('../../producers/intake/filter-shapes.ts');
  return parseFilter(parseWhere(texts) ?? {}, (field) => `--where ${field}`);
}

/** Shows one number with its history. */
export async function showNumber(cli: Cli, number: string, json: boolean | undefined): Promise<void> {
  if (!isE164(number)) throw invalid([{ path: 'number', message: `"${number}" is not an E.164 number such as +13125550100` }]);
  const found = await withProducer(cli, (deps) => readNumber(deps.db, number));
  if (found === null) throw notFound(`${number} is not in the inventory and never was`);
  await result(cli, json, found, () => numberText(found, cli.io.paintOut));
}

function numberText(found: NonNullable<Awaited<ReturnType<typeof readNumber>>>, paint: Paint): string {
  const facts = 'telnyx_id' in found ? numberFacts(found) : [['phone number', found.phone_number] as const];
  const rows = found.history.flatMap((e) => {
    const changes: FieldChange[] = e.changes.length > 0 ? e.changes : [{ field: 'state', before: e.from, after: e.to }];
    return changes.map((c) => [
      timeText(e.at, paint),
      c.field,
      fieldText(c.before),
      fieldText(c.after),
      e.by ?? '-',
      e.cause,
      idText(e.request_id ?? e.run_id ?? '', paint),
    ]);
  });
  const columns: (Column | string)[] = [
    ...['when', 'field'],
    { title: 'before', fit: 'fold' },
    { title: 'after', fit: 'fold' },
    { title: 'who', fit: 'cut' },
    ...['why', 'request or run'],
  ];
  const history = rows.length === 0 ? '' : `\n\n${table(columns, rows, paint)}`;
  return pairs(facts, paint) + history;
}

function numberFacts(n: NumberView): (readonly [string, string | null])[] {
  return [
    ['phone number', n.phone_number],
    ['state', n.surplus ? `${n.state}, beyond what was asked` : n.state],
    ['status', n.status],
    ['type', n.phone_number_type],
    ['Telnyx id', n.telnyx_id],
    ['connection', n.connection_id],
    ['messaging profile', n.messaging_profile_id],
    ['billing group', n.billing_group_id],
    ['customer reference', n.customer_reference],
    ['tags', n.tags.length === 0 ? null : n.tags.join(', ')],
    ['deletion lock', n.deletion_lock_enabled === true ? 'on' : null],
    ['emergency', n.emergency_status],
    ['upfront', n.upfront_cost === null ? null : moneyWith(n.upfront_cost, n.currency)],
    ['monthly', n.monthly_cost === null ? null : moneyWith(n.monthly_cost, n.currency)],
    ['bought by', n.bought_by],
    ['purchased', n.purchased_at],
  ];
}
