import { readAccount } from '../db/queries/account.ts';
import { countMatching } from '../db/queries/inventory.ts';
import { chargesOf } from '../domain/budget.ts';
import { PROTECTED_TAG } from '../domain/delete-guard.ts';
import { formatMoney, moneyOf } from '../domain/money.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { type Checked, checkRequest } from '../producers/intake/check-request.ts';
import { updateSteps, type WorstColumn, worstCase, worstCaseCost } from '../producers/intake/plan.ts';
import type { BuyBody, DeleteBody, RequestBody, UpdateBody } from '../producers/intake/request-shapes.ts';
import { noteOfRepeats } from '../producers/intake/stage-numbers.ts';
import type { SubmitOptions } from '../producers/intake/submit.ts';
import { wideNote } from '../producers/intake/wide-filter.ts';
import { type Cli, note } from './cli.ts';
import { confirm } from './confirm.ts';
import { count, fold, painter, pairs, plural } from './output.ts';
import { budgetPairs, linePairs, type Pair, settingPairs } from './request-words.ts';

/**
 * Asks before a request is filed. First it checks everything, so that nobody is asked about what will be refused; a request that
 * an earlier one with the same idempotency key stands for is not asked about. Throws what `checkRequest` throws, and
 * `not_confirmed`.
 */
export async function askFirst(
  cli: Cli,
  deps: ProducerDeps,
  body: RequestBody,
  { columns, ...options }: SubmitOptions & { columns: readonly string[]; actor: string },
): Promise<void> {
  const byRow = columns.length > 0 && { columns };
  const checked = await checkRequest(deps, body, { ...options, ...byRow });
  const repeated = noteOfRepeats(checked.repeats);
  if (repeated !== null) note(cli, repeated);
  if (checked.before !== null) return;
  await confirm(cli.io, false, () => questionText(deps, { body, checked, columns, asker: options.actor }, cli.io.paintErr.width));
}

/** A request that is about to be filed. */
interface Asked {
  body: RequestBody;
  checked: Checked;
  /** The settings whose values stand in columns of the file. */
  columns: readonly string[];
  asker: string;
}

/** Describes completely what a yes would do: what, on which numbers, and one sentence about the money. */
async function questionText(deps: ProducerDeps, asked: Asked, width: number | null): Promise<string> {
  const { currency } = await readAccount(deps.db.reads);
  const parts = await partsOf(deps, asked, currency ?? 'USD');
  const body = pairs(
    parts.pairs.map(([name, value]) => [`  ${name}`, value]),
    painter(false, width),
  );
  const folded = (text: string) => fold(text, width ?? Number.POSITIVE_INFINITY);
  return [...folded(parts.head), body, ...parts.sentences.flatMap(folded)].filter((text) => text !== '').join('\n');
}

interface Parts {
  head: string;
  pairs: Pair[];
  sentences: string[];
}

async function partsOf(deps: ProducerDeps, asked: Asked, currency: string): Promise<Parts> {
  const { body } = asked;
  if (body.kind === 'buy') return buyParts(deps, asked, body, currency);
  const wide = body.where === undefined ? null : wideNote(await countMatching(deps.db.reads, body.where));
  const parts = body.kind === 'update' ? updateParts(deps, asked, body, currency) : deleteParts(asked, body, currency);
  return wide === null ? parts : { ...parts, sentences: [...parts.sentences, `Mind that ${wide}.`] };
}

function buyParts(deps: ProducerDeps, { checked, asker }: Asked, body: BuyBody, currency: string): Parts {
  const listed = checked.targets.named;
  const { maxNumberCost, approvalAbove } = deps.limits;
  const total = listed + body.lines.reduce((sum, l) => sum + l.quantity, 0);
  const cap = body.max_number_cost ?? maxNumberCost;
  const worst = worstCase(body, listed, maxNumberCost);
  const sum = worstCaseCost(body, listed, maxNumberCost);
  const ownCaps = body.lines.some((l) => l.max_number_cost !== undefined);
  const why = ({ byBudget }: WorstColumn) =>
    byBudget ? 'your budget' : ownCaps ? 'each number at its highest price' : `${plural(total, 'number')} at ${cap} at most`;
  const held = approvalAbove !== null && moneyOf(sum) > moneyOf(approvalAbove);
  return {
    head: `This buys ${plural(total, 'number')}:`,
    pairs: [
      ...labelPair(body.label),
      ...linePairs(body.lines),
      ...(listed === 0 ? [] : [['list', `${plural(listed, 'number')}: ${sampleText(checked)}`] satisfies Pair]),
      ...settingPairs(body.assign, 'new'),
      ...(body.requirement_group_id === undefined ? [] : [['requirement group', body.requirement_group_id] satisfies Pair]),
      ...holdPairs(body),
      ...(body.all_or_nothing === true
        ? [['all or nothing', 'nothing is ordered before every number is claimed'] satisfies Pair]
        : []),
      ...(body.reserve ? [['reserve', 'the numbers are reserved before they are ordered'] satisfies Pair] : []),
      ['each number', `at most ${cap} ${currency} upfront and ${cap} ${currency} a month`],
      ...budgetPairs(body, currency),
      ...monthPair(checked, asker, currency),
    ],
    sentences: [
      `It costs at most ${sum} ${currency}: ${worst.upfront.amount} upfront (${why(worst.upfront)}) and ${worst.monthly.amount} for the first month (${why(worst.monthly)}).`,
      ...(held ? [`That is more than ${approvalAbove}, so it waits until somebody else approves it.`] : []),
    ],
  };
}

function updateParts(deps: ProducerDeps, { checked, columns, asker }: Asked, body: UpdateBody, currency: string): Parts {
  const { targets } = checked;
  const sets = (field: string) => columns.includes(field) || Object.hasOwn(body.set, field);
  const byRow =
    columns.length === 0
      ? []
      : [['each row', `${columns.join(', ')} (${plural(targets.sets, 'different set')} of values)`] satisfies Pair];
  const replaced =
    sets('tags') && targets.tagged > 0
      ? [`${plural(targets.tagged, 'number has', 'numbers have')} tags now, which are replaced.`]
      : [];
  const taken =
    body.set.messaging_profile_id === '' && targets.withProfile > 0
      ? [`The messaging profile is taken away from ${plural(targets.withProfile, 'number')}.`]
      : [];
  return {
    head: `This changes ${plural(targets.named, 'number')}:`,
    pairs: [
      ...labelPair(body.label),
      ['numbers', sampleText(checked)],
      ...byRow,
      ...settingPairs(body.set, 'ours'),
      ...holdPairs(body),
      ...monthPair(checked, asker, currency),
    ],
    sentences: [
      ...replaced,
      ...taken,
      ...(targets.notOwned > 0
        ? [`${plural(targets.notOwned, 'number is', 'numbers are')} not in the inventory: each fails unless the account has it.`]
        : []),
      updateCost(deps, body, targets.named, currency),
    ],
  };
}

/** One sentence about what an update costs. */
function updateCost(deps: ProducerDeps, body: UpdateBody, named: number, currency: string): string {
  const { update, emergency, unknown } = chargesOf(updateSteps(body.set), deps.limits.prices);
  const each = moneyOf(update ?? '0') + moneyOf(emergency ?? '0');
  const sum = formatMoney(each * BigInt(named));
  if (unknown.length > 0) return `Telnyx charges for this, and the price is not known (PROVISIONER_PRICES).`;
  return each === 0n
    ? 'Nothing is bought.'
    : `It costs ${sum} ${currency}: ${plural(named, 'number')} at ${formatMoney(each)} each, by PROVISIONER_PRICES.`;
}

function deleteParts({ checked }: Asked, body: DeleteBody, currency: string): Parts {
  const { targets } = checked;
  const kept = (n: number, what: string, included: boolean): string[] =>
    n === 0
      ? []
      : [`${plural(n, `has ${what}`, `have ${what}`)}, and ${n === 1 ? 'is' : 'are'} ${included ? 'released too' : 'kept'}`];
  const guards = [
    ...kept(targets.locked, 'a deletion lock', body.include_locked),
    ...kept(targets.withEmergency, 'emergency calling', body.include_emergency),
    ...kept(targets.withTag, `the tag "${PROTECTED_TAG}"`, false),
  ];
  const included = [
    ...(body.include_locked ? ['deletion-locked ones'] : []),
    ...(body.include_emergency ? ['emergency-enabled ones'] : []),
  ];
  const left = body.expected_count - targets.named;
  return {
    head: `This RELEASES ${plural(targets.named, 'number')}${included.length === 0 ? '' : `, including ${included.join(' and ')}`}:`,
    pairs: [
      ...labelPair(body.label),
      ['numbers', sampleText(checked)],
      ...(left > 0 ? [['skipped', `${plural(left, 'number')} that left the account already`] satisfies Pair] : []),
      ...guards.map((text, i): Pair => [i === 0 ? 'guards' : '', text]),
    ],
    sentences: [
      `It ends at most ${formatMoney(moneyOf(targets.monthly))} ${targets.currency ?? currency} a month. Released numbers may be gone for good.`,
    ],
  };
}

const labelPair = (label: string | undefined): Pair[] => (label === undefined ? [] : [['label', label]]);

/** What holds back the calls of the request. */
function holdPairs({ start_at: start, canary, stop_above: share }: BuyBody | UpdateBody): Pair[] {
  return [
    ...(start === undefined ? [] : [['starts', start] satisfies Pair]),
    ...(canary === undefined
      ? []
      : [['canary', `${plural(canary, 'number')} first; the others only when all are right`] satisfies Pair]),
    ...(share === undefined
      ? []
      : [['stops', `pauses when more than ${share} % of the ended numbers have failed`] satisfies Pair]),
  ];
}

function monthPair({ budget }: Checked, asker: string, currency: string): Pair[] {
  if (budget === null) return [];
  const { used, limit, month } = budget;
  return [['month', `${asker} has used ${formatMoney(used)} of its budget of ${limit} ${currency} for ${month}`]];
}

function sampleText({ targets: { named, sample } }: Checked): string {
  const more = named - sample.length;
  return `${sample.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`;
}
