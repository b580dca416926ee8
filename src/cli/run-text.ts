import { type Drift, isOpen, type OpenDrift } from '../db/queries/drift.ts';
import type { RunCounts } from '../domain/reconciliation.ts';
import type { AcceptAnswer, RepairAnswer } from '../producers/read/drift-answers.ts';
import type { RunReport } from '../producers/read/read.ts';
import { type Column, count, type Paint, pairs, plural, table } from './output.ts';
import { idText, timeText } from './short.ts';

const COUNTS = ['seen', 'matched', 'adopted', 'missing', 'changed', 'healed', 'surplus', 'too_fresh', 'undecided'] as const;

const SELDOM: ReadonlySet<string> = new Set(['healed', 'surplus', 'too_fresh', 'undecided']);

/** Describes a run with its counts and the given drift rows. `more` says that the run has further rows. */
export function runText(run: RunReport, drift: readonly Drift[], more: boolean, paint: Paint): string {
  const colour = run.status !== 'completed' || run.error !== null ? 'red' : isOpen(run.open) ? 'yellow' : 'green';
  const head = pairs(
    [
      ['run', run.id],
      ['status', paint(colour, run.status)],
      ['started', run.started_at === null ? null : timeText(run.started_at, paint)],
      ['finished', run.finished_at === null ? null : timeText(run.finished_at, paint)],
      ['error', run.error],
      ['open', isOpen(run.open) ? openWords(run.open) : null],
      ['repairs', run.repair_requests.length === 0 ? null : run.repair_requests.join(', ')],
    ],
    paint,
  );
  const counts = run.counts === null ? '' : `\n\n${countsText(run.counts, paint)}${unjudgedText(run.counts)}`;
  if (drift.length === 0) return head + counts;
  const rows = drift.map((d) => [
    d.kind,
    d.phoneNumber,
    d.field ?? '',
    d.ours ?? '',
    d.theirs ?? '',
    d.state,
    idText(d.stateBy ?? '', paint),
  ]);
  const rest = more ? `\n${paint('dim', `more rows: provisioner run ${run.id} --csv`)}` : '';
  return `${head}${counts}\n\n${table(DRIFT, rows, paint)}${rest}`;
}

const DRIFT: readonly (Column | string)[] = [
  ...['drift', 'phone number', 'field'],
  { title: 'ours', fit: 'cut' },
  { title: 'theirs', fit: 'cut' },
  'state',
  { title: 'by', fit: 'cut' },
];

/** One line for each run. */
export function runsText(runs: readonly RunReport[], paint: Paint): string {
  const n = (run: RunReport, name: (typeof COUNTS)[number]) => (run.counts === null ? '' : count(run.counts[name] ?? 0));
  return table(
    ['run', 'created', 'trigger', 'status', { title: 'seen', align: 'right' }, { title: 'open', fit: 'fold' }],
    runs.map((r) => [
      idText(r.id, paint),
      timeText(r.created_at, paint),
      r.trigger,
      r.status,
      n(r, 'seen'),
      isOpen(r.open) ? openWords(r.open) : '-',
    ]),
    paint,
  );
}

/** Describes open drift by the run that found it first, and what to do about it. `null` when nothing is open. */
export function openText(open: ReadonlyMap<string, OpenDrift>): string | null {
  if (open.size === 0) return null;
  const lines = [...open].map(([id, of]) => `  ${id}  ${openWords(of)}`);
  return [
    'Open drift, by the run that found it:',
    ...lines,
    'To restore our values: provisioner repair RUN. To accept the values of the account: provisioner accept RUN.',
  ].join('\n');
}

function openWords(open: OpenDrift): string {
  const parts = [
    open.changed > 0 ? `${plural(open.changed, 'field')} changed` : null,
    open.missing > 0 ? `${count(open.missing)} missing` : null,
    open.surplus > 0 ? `${count(open.surplus)} surplus` : null,
  ];
  return parts.filter((p) => p !== null).join(', ');
}

/** Names the numbers that the run did not judge, so that it never claims "no drift" about them. */
function unjudgedText(counts: RunCounts): string {
  const fresh = counts.too_fresh ?? 0;
  const lines = [
    ...(fresh > 0 ? [`${plural(fresh, 'number')} not shown, but bought too recently to judge: a later run judges them`] : []),
    ...(counts.undecided > 0
      ? [
          `${plural(counts.undecided, 'number')} not judged: a request works on them, they changed meanwhile, or list and ownership do not agree`,
        ]
      : []),
  ];
  return lines.map((line) => `\n${line}`).join('');
}

function countsText(counts: RunCounts, paint: Paint): string {
  // What seldom happens is shown only when it did, so that a row fits on a terminal.
  const shown = COUNTS.filter((name) => !SELDOM.has(name) || (counts[name] ?? 0) > 0);
  return table(
    shown.map((name) => ({ title: name.replace('_', ' '), align: 'right' as const })),
    [shown.map((name) => count(counts[name] ?? 0))],
    paint,
  );
}

export function repairText(answer: RepairAnswer): string {
  const filed = answer.requests.map((r) => `${r.id}  ${plural(r.numbers, 'number')}: ${Object.keys(r.set).join(', ')}`);
  const cannot = answer.cannot_be_put_back.map(
    (c) =>
      `cannot be put back: ${c.field} of ${plural(c.count, 'number')} (${c.numbers.join(', ')}${c.count > c.numbers.length ? ', …' : ''}): ${c.reason}`,
  );
  return lines([
    filed.length === 0 ? 'no repair was filed' : 'filed to restore our values:',
    ...filed,
    answer.under_way > 0 ? `${plural(answer.under_way, 'difference')} left to an open request that works on the number` : null,
    ...cannot,
    ...answer.failures,
    unknownText(answer.not_found),
  ]);
}

export function acceptText(answer: AcceptAnswer): string {
  return lines([
    isOpen(answer.accepted) ? `accepted: ${openWords(answer.accepted)}` : 'nothing was accepted',
    answer.under_way > 0
      ? `${plural(answer.under_way, 'difference')} left open, because a request works on the number: accept again when it has ended`
      : null,
    unknownText(answer.not_found),
    isOpen(answer.open) ? `still open in this run: ${openWords(answer.open)}` : null,
  ]);
}

const unknownText = (n: number): string | null =>
  n > 0 ? `${plural(n, 'number')} of the list without an open difference in this run` : null;

const lines = (all: readonly (string | null)[]): string => all.filter((line) => line !== null).join('\n');
