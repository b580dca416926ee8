import { invalid, notFound } from '../domain/errors.ts';
import type { RequestKind } from '../domain/request.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import type { RequestBody } from '../producers/intake/request-shapes.ts';
import { listProblems, noteOfRepeats } from '../producers/intake/stage-numbers.ts';
import { type SubmitOptions, submitRequest } from '../producers/intake/submit.ts';
import { readRequest } from '../producers/read/read.ts';
import { actor, type Cli, note, result, withProducer } from './cli.ts';
import { requireConsent } from './confirm.ts';
import { parseDuration } from './duration.ts';
import { EXIT } from './exit-table.ts';
import { problemsIn } from './flags.ts';
import { type ListFile, type ListFlags, listOf, readNumbers, requireReadable, tellingNumbers } from './numbers-file.ts';
import { planOnly } from './plan.ts';
import { askFirst } from './question.ts';
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
    const columns = list?.columns?.map((c) => c.field);
    const options = (tell: (text: string) => void): SubmitOptions & { actor: string } => ({
      ...(list !== null && { numbers: tellingNumbers(list, cli.io.stdin, tell), repeats: 'once' }),
      ...(columns !== undefined && { columns }),
      actor: actor(),
      ...(idempotencyKey !== undefined && { idempotencyKey, keySpace: 'cli' as const }),
    });
    const asks = flags.yes !== true;
    if (asks) await askFirst(cli, deps, body, { columns: columns ?? [], ...options((text) => note(cli, text)) });
    const told = (text: string) => (asks ? undefined : note(cli, text));
    const { request, created, repeats } = await submitRequest(deps, body, options(told));
    const repeated = noteOfRepeats(repeats);
    if (repeated !== null) told(repeated);
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
