import { countMatching } from '../db/queries/inventory.ts';
import { invalid, notFound } from '../domain/errors.ts';
import type { RequestKind } from '../domain/request.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { worstCaseCost } from '../producers/intake/plan.ts';
import type { BuyBody, RequestBody } from '../producers/intake/request-shapes.ts';
import { listProblems, noteOfRepeats } from '../producers/intake/stage-numbers.ts';
import { submitRequest } from '../producers/intake/submit.ts';
import { wideNote } from '../producers/intake/wide-filter.ts';
import { readRequest } from '../producers/read/read.ts';
import { actor, type Cli, note, result, withProducer } from './cli.ts';
import { confirm, requireConsent } from './confirm.ts';
import { parseDuration } from './duration.ts';
import { EXIT } from './exit-table.ts';
import { problemsIn } from './flags.ts';
import { lineSummary } from './line-words.ts';
import {
  type ListContent,
  type ListFile,
  type ListFlags,
  listOf,
  readNumbers,
  readThrough,
  requireReadable,
  tellingNumbers,
} from './numbers-file.ts';
import { plural } from './output.ts';
import { planOnly } from './plan.ts';
import { requestText } from './report.ts';
import { noteApproval, waitAndReport } from './wait-report.ts';
import { noteWorkerless } from './workerless.ts';

/** The flags that `buy`, `update` and `delete` share. */
export interface SubmitFlags extends ListFlags {
  plan?: boolean;
  detailedExitcode?: boolean;
  wait?: boolean;
  timeout?: string;
  idempotencyKey?: string;
  yes?: boolean;
  json?: boolean;
}

/** Submits a request: asks for confirmation when needed, and waits when told to. Returns the exit code. */
export async function submit(cli: Cli, kind: RequestKind, read: () => RequestBody, flags: SubmitFlags): Promise<number> {
  const named = listOf(flags, kind);
  const body = await bodyOf(cli, read, named);
  const list = named !== null && body.kind === 'update' ? { ...named, common: body.set } : named;
  if (flags.plan === true) return planOnly(cli, body, list, flags);
  if (flags.detailedExitcode === true) throw invalid([{ path: '--detailed-exitcode', message: 'needs --plan' }]);
  if (flags.timeout !== undefined && flags.wait !== true) throw invalid([{ path: '--timeout', message: 'needs --wait' }]);
  const timeoutMs = parseDuration(flags.timeout ?? '10m', '--timeout');
  const { idempotencyKey } = flags;
  if (list !== null) await requireReadable(list.file);
  requireConsent(cli.io, flags.yes, list?.file === '-');
  return withProducer(cli, async (deps) => {
    await confirm(cli.io, flags.yes, async () => {
      const ahead = await readAhead(cli, deps, body, list);
      return [...ahead.notes, summaryOf(body, ahead, list, deps)].join('\n');
    });
    const numbers = list === null ? undefined : tellingNumbers(list, cli.io.stdin, (text) => note(cli, text));
    const { request, created, repeats } = await submitRequest(deps, body, {
      ...(numbers !== undefined && { numbers, repeats: 'once' }),
      ...(list?.columns !== undefined && { columns: list.columns.map((c) => c.field) }),
      actor: actor(),
      ...(idempotencyKey !== undefined && { idempotencyKey, keySpace: 'cli' as const }),
    });
    const repeated = noteOfRepeats(repeats);
    if (repeated !== null) note(cli, repeated);
    if (!created) note(cli, `this idempotency key was used before: request ${request.id}`);
    return flags.wait === true
      ? waitAndReport(cli, deps, request.id, { timeoutMs, json: flags.json })
      : accepted(cli, deps, request.id, flags.json);
  });
}

/** Builds the body from the flags. When the flags are refused, the problems of the list are reported with them. */
async function bodyOf(cli: Cli, read: () => RequestBody, list: ListFile | null): Promise<RequestBody> {
  try {
    return read();
  } catch (error) {
    const problems = [...problemsIn(error)];
    // With a typed list, wrong flags are refused at once: nobody should type a list first.
    const typed = list?.file === '-' && cli.io.canAsk;
    const more = list === null || typed ? [] : await listProblems(readNumbers(list, cli.io.stdin), 'once');
    const told = new Set(problems.map((p) => `${p.path} ${p.message}`));
    throw invalid([...problems, ...more.filter((p) => !told.has(`${p.path} ${p.message}`))]);
  }
}

/** Prints a request that was taken on and goes on by itself. Returns the exit code. */
export async function accepted(cli: Cli, deps: ProducerDeps, id: string, json: boolean | undefined): Promise<number> {
  const view = await readRequest(deps.db, id);
  if (view === null) throw notFound(`there is no request ${id}`);
  await result(cli, json, view, () => requestText(view, cli.io.paintOut));
  if (view.status === 'awaiting_approval') {
    noteApproval(cli, view);
    return EXIT.refused;
  }
  note(cli, `accepted; follow it with: provisioner watch ${id}`);
  await noteWorkerless(cli, deps, [view]);
  return EXIT.ok;
}

/** What an answer of yes is about. Reads the file once more than needed, but only where a person waits. */
async function readAhead(cli: Cli, deps: ProducerDeps, body: RequestBody, list: ListFile | null): Promise<ListContent> {
  if (list !== null) return readThrough(list, cli.io.stdin);
  if (body.kind === 'buy') return { count: 0, sets: 0, notes: [] };
  const counts = await countMatching(deps.db.reads, body.where ?? {});
  const wide = wideNote(counts);
  return { count: counts.matched, sets: 0, notes: wide === null ? [] : [`Mind that ${wide}.`] };
}

function summaryOf(body: RequestBody, { count: listed, sets }: ListContent, list: ListFile | null, deps: ProducerDeps): string {
  if (body.kind === 'buy') return buySummary(body, listed, deps);
  if (body.kind === 'update') {
    const byRow = list?.columns?.map((c) => c.field).join(', ');
    const each = byRow === undefined ? [] : [`${byRow} as each row says (${plural(sets, 'different set')} of values)`];
    const all = Object.entries(body.set).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    return `This changes ${plural(listed, 'number')}: ${[...each, ...all].join(', ')}`;
  }
  const guards = [
    ...(body.include_locked ? ['deletion-locked ones'] : []),
    ...(body.include_emergency ? ['emergency-enabled ones'] : []),
  ];
  const included = guards.length === 0 ? '' : `, including ${guards.join(' and ')}`;
  const skipped = body.skip_gone === true ? ' Numbers that have already left the account are skipped.' : '';
  return `This RELEASES ${plural(listed, 'number')}${included}.${skipped} Released numbers may be gone for good. Expected: ${body.expected_count}.`;
}

function buySummary(body: BuyBody, listed: number, deps: ProducerDeps): string {
  const total = listed + body.lines.reduce((sum, l) => sum + l.quantity, 0);
  const lines = [...body.lines.map(lineSummary), ...(listed === 0 ? [] : [`${plural(listed, 'number')} from the list`])];
  const attached = Object.entries(body.assign).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} ${String(value)}`],
  );
  return [
    `This buys ${plural(total, 'number')}:`,
    ...lines.map((line) => `  ${line}`),
    ...(attached.length === 0 ? [] : [`  with ${attached.join(', ')}`]),
    `This costs at most ${worstCaseCost(body, listed, deps.limits.maxNumberCost)} upfront and for the first month.`,
  ].join('\n');
}
