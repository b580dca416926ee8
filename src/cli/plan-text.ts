import type {
  AreaOnSale,
  BuyPlan,
  DeletePlan,
  FieldChange,
  PlannedLine,
  SearchPlan,
  UpdatePlan,
  ValueChange,
} from '../domain/plan.ts';
import { visible } from '../domain/text.ts';
import type { PlanView } from '../producers/plans/plan-view.ts';
import { type Column, count, type Paint, painted, pairs, plural, seconds, table } from './output.ts';
import { statusText } from './report.ts';
import { isFields, lineText } from './request-words.ts';
import { timeText } from './short.ts';

const right = (title: string): Column => ({ title, align: 'right' });

/** Describes a plan for people: what would happen, what it costs, what stops it, and what it takes. */
export function planText(view: PlanView, paint: Paint): string {
  const { result } = view;
  const head = pairs(
    [
      ['plan', painted('bold', view.id)],
      ['kind', view.kind],
      ['status', statusText(view.status)],
      ['asked by', view.asked_by],
      ['valid until', timeText(view.expires_at, paint)],
      ['request', view.request_id],
      ['error', view.error === null ? null : `${view.error.message} (${view.error.code})`],
    ],
    paint,
  );
  if (result === null) return head;
  if (result.kind === 'search') return availableText(result, paint);
  const what =
    result.kind === 'buy'
      ? buyText(result, view, paint)
      : 'fields' in result
        ? updateText(result, paint)
        : deleteText(result, paint);
  return [head, ...what, ...stopLines(result, paint), ...result.notes.map((n) => `note: ${n}`), effortText(result, paint)]
    .map((part) => part.trimEnd())
    .join('\n\n');
}

function buyText(result: BuyPlan, view: PlanView, paint: Paint): string[] {
  const { cost, numbers, short } = result;
  const lines = table(
    ['line', right('asked'), right('found'), right('short'), right('on sale'), 'where'],
    result.lines.map((l) => [
      lineName(l),
      count(l.asked),
      count(l.found),
      count(l.short),
      l.on_sale === null ? '-' : `${count(l.on_sale.count)}${l.on_sale.exact ? '' : '+'}`,
      l.rungs.map((r) => `${count(r.found)} ${r.rung}`).join(', ') || '-',
    ]),
    paint,
  );
  const words = pairs(
    result.lines.flatMap((l) => wordsOfLine(l, view)),
    paint,
  );
  const approval = result.approval.needed
    ? `the request waits for approval, because it costs more than ${result.approval.above}`
    : result.approval.above === null
      ? 'not needed'
      : `not needed up to ${result.approval.above}`;
  return [
    words,
    lines,
    `${paint('green', '+')} buys ${plural(numbers, 'number')}: ${cost.upfront} ${cost.currency} upfront, ${cost.monthly} ${cost.currency} a month${short === 0 ? '' : `; ${count(short)} short`}`,
    ...sampleText(result.lines.flatMap((l) => l.sample)),
    pairs(
      [
        ['approval', approval],
        ...result.budgets.map((b): [string, string] => [`budget: ${b.name}`, `${b.after} of ${b.limit} used afterwards`]),
        ['reserved', reservedText(result)],
      ],
      paint,
    ),
  ];
}

const lineName = (l: PlannedLine): string => (l.line === null ? 'list' : String(l.line + 1));

/** What a buy line asks for, and below it the prices that were found. */
function wordsOfLine(l: PlannedLine, view: PlanView): [string, string][] {
  const { lines } = view.body;
  const asked: unknown = l.line === null || !Array.isArray(lines) ? undefined : lines[l.line];
  const what = isFields(asked) ? lineText(asked) : `${plural(l.asked, 'number')} of the list`;
  const prices = l.prices.map((p) => `${count(p.count)} at ${p.upfront} + ${p.monthly} ${p.currency}`).join(', ');
  return [[`line ${lineName(l)}`, what], ...(prices === '' ? [] : [['', prices] satisfies [string, string]])];
}

function reservedText({ reservation }: BuyPlan): string | null {
  if (reservation === null) return null;
  const { held, refused, until } = reservation;
  const others = refused === 0 ? '' : `; ${plural(refused, 'number')} could not be reserved`;
  if (until === null) return `nothing${others}`;
  return `${plural(held, 'number')} until ${until}${others}. A reservation cannot be released: unused, it lapses by itself`;
}

function updateText(result: UpdatePlan, paint: Paint): string[] {
  const fields = table(
    ['field', right('+'), right('~'), right('-'), right('same'), right('not known')],
    result.fields.map((f) => [f.field, count(f.add), count(f.change), count(f.remove), count(f.same), count(f.unknown)]),
    paint,
  );
  const charge = result.charge === null ? '' : `, and costs ${result.charge}`;
  return [
    fields,
    result.fields.flatMap((f) => f.values.map((v) => valueText(f, v, paint))).join('\n'),
    `${paint('yellow', '~')} changes ${count(result.changed)} of ${plural(result.numbers, 'number')}${charge}; ${count(result.unchanged)} stay as they are`,
  ].filter((part) => part !== '');
}

function valueText(f: FieldChange, v: ValueChange, paint: Paint): string {
  const signs = {
    add: paint('green', '+'),
    change: paint('yellow', '~'),
    remove: paint('red', '-'),
    unknown: paint('yellow', '~'),
  };
  const before = v.before ?? (v.sign === 'unknown' ? 'not known' : 'none');
  const sample = `${v.sample.join(', ')}${v.count > v.sample.length ? ', …' : ''}`;
  return `${signs[v.sign]} ${visible(`${f.field}: ${before} → ${v.after ?? 'none'}`)}\n    on ${plural(v.count, 'number')}: ${sample}`;
}

function deleteText(result: DeletePlan, paint: Paint): string[] {
  const ends = result.monthly_ends.map((m) => `${m.monthly} ${m.currency}`).join(' and ');
  const cost = [
    ends === '' ? '' : `${ends} a month ends`,
    result.unpriced === 0 ? '' : `the price of ${count(result.unpriced)} is not known`,
  ];
  const money = cost.filter((c) => c !== '').join(', ');
  const kept = result.kept.map(
    (k) =>
      `keeps back ${count(k.numbers)} (${k.code}): ${k.sample.slice(0, 2).join(', ')}${k.numbers > 2 ? ', …' : ''}\n    ${visible(k.message)}`,
  );
  return [
    `${paint('red', '-')} releases ${count(result.release)} of ${plural(result.numbers, 'number')}${money === '' ? '' : `: ${money}`}`,
    ...sampleText(result.sample),
    ...(result.unlock === 0 ? [] : [`the deletion lock of ${plural(result.unlock, 'number')} is removed first`]),
    ...(result.disable_emergency === 0
      ? []
      : [`emergency services of ${plural(result.disable_emergency, 'number')} are disabled first`]),
    ...(result.gone === 0
      ? []
      : [`${plural(result.gone, 'number')} left the account before and ${result.gone === 1 ? 'is' : 'are'} skipped`]),
    ...(kept.length === 0 ? [] : [kept.join('\n')]),
  ];
}

const sampleText = (numbers: readonly string[]): string[] =>
  numbers.length === 0 ? [] : [`such as ${numbers.slice(0, 5).join(', ')}`];

/** What a guard or a budget stops. A release tells of the numbers that it keeps in a table of its own. */
function stopLines(result: BuyPlan | UpdatePlan | DeletePlan, paint: Paint): string[] {
  const isTold = 'kept' in result && result.kept.length > 0;
  return isTold
    ? []
    : result.stops.map((s) => `${paint('red', 'refused')}: ${plural(s.numbers, 'number')}: ${s.message} (${s.code})`);
}

/** The calls, each kind on a line, and the time. */
function effortText({ calls, seconds: estimated }: BuyPlan | UpdatePlan | DeletePlan, paint: Paint): string {
  if (calls.length === 0) return 'no call to Telnyx is needed';
  const rows = calls.map((c, i): [string, string] => [i === 0 ? 'calls to Telnyx' : '', callText(c)]);
  return pairs([...rows, ['time', `about ${seconds(estimated * 1_000)}`]], paint);
}

const MANY: Readonly<Record<string, string>> = { search: 'searches', 'page of the number list': 'pages of the number list' };
const callText = (c: { call: string; count: number }): string => plural(c.count, c.call, MANY[c.call]);

/** Describes what is on sale: one line for each area, and examples below. */
export function availableText(result: SearchPlan, paint: Paint): string {
  const rows = result.areas.map((a) => [a.area, `${count(a.count)}${a.exact ? '' : '+'}`, ...pricesOfArea(a)]);
  const areas = table(['area', right('on sale'), 'cheapest', 'dearest seen'], rows, paint);
  const numbers = result.areas.flatMap((a) => a.sample.map((s) => [s.phone_number, s.upfront, s.monthly, s.currency]));
  const sample = table(['phone number', right('upfront'), right('a month'), 'currency'], numbers, paint);
  return [areas, ...(numbers.length === 0 ? [] : [sample]), ...result.notes.map((n) => `note: ${n}`)].join('\n\n');
}

const pricesOfArea = ({ cheapest, dearest }: AreaOnSale): string[] =>
  [cheapest, dearest].map((p) => (p === null ? '-' : `${p.upfront} + ${p.monthly} ${p.currency}`));
