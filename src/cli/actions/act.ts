import { invalid, notFound } from '../../domain/errors.ts';
import { approveRequest } from '../../producers/actions/approve.ts';
import { cancelRequest } from '../../producers/actions/cancel.ts';
import { type Resolution, resolveChunk } from '../../producers/actions/decide.ts';
import { pauseRequest, resumeRequest } from '../../producers/actions/pause.ts';
import type { ProducerDeps } from '../../producers/deps.ts';
import { readRequest } from '../../producers/read/read.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { DECISIONS } from '../decisions.ts';
import { requestText } from '../report.ts';
import { noteWorkerless } from '../workerless.ts';

/** The flags of every action. */
export interface ActFlags {
  yes?: boolean;
  json?: boolean;
}

/** The flags of `resolve`. */
export interface ResolveFlags extends ActFlags {
  chunk: string;
  adopt?: string;
  notSent?: boolean;
  giveUp?: boolean;
}

/** Cancels what a request has not sent yet. */
export async function cancel(cli: Cli, id: string, flags: ActFlags): Promise<void> {
  await act(cli, id, flags, `This cancels what request ${id} has not sent yet.`, async (deps) => {
    const request = await cancelRequest(deps, id, actor());
    if (request === null) throw notFound(`there is no request ${id}`);
    note(
      cli,
      request.finishedAt === null
        ? 'cancelling; numbers in flight end as Telnyx decides'
        : `request ${id} has ended: ${request.status}`,
    );
    return id;
  });
}

/** Holds a request between two chunks. */
export async function pause(cli: Cli, id: string, flags: ActFlags): Promise<void> {
  await act(cli, id, flags, `This holds request ${id}: no new call of it leaves until somebody resumes it.`, async (deps) => {
    await pauseRequest(deps, id, actor());
    note(cli, `paused; what is at Telnyx goes on. Go on with: provisioner resume ${id}`);
    return id;
  });
}

/** Lets a paused request go on. */
export async function resume(cli: Cli, id: string, flags: ActFlags): Promise<void> {
  const summary = `This lets request ${id} go on where it stood, and accepts what paused it.`;
  await act(cli, id, flags, summary, async (deps) => (await resumeRequest(deps, id, actor())).id);
}

/** Approves a buy that waits for approval. */
export async function approve(cli: Cli, id: string, flags: ActFlags): Promise<void> {
  await act(cli, id, flags, `This lets request ${id} buy.`, async (deps) => (await approveRequest(deps, id, actor())).id);
}

/** Files a new request for the failed numbers of an ended one. */
export async function retry(cli: Cli, id: string, flags: ActFlags): Promise<void> {
  await act(cli, id, flags, `This files a new request for every failed number of ${id}.`, async (deps) => {
    const { retryRequest } = await import('../../producers/actions/retry.ts');
    const { request, created } = await retryRequest(deps, id, actor());
    note(cli, created ? `new request ${request.id}` : `request ${id} was retried before: ${request.id}`);
    return request.id;
  });
}

/** Decides about a chunk that needs attention. */
export async function resolve(cli: Cli, id: string, flags: ResolveFlags): Promise<void> {
  const resolution = resolutionOf(flags);
  const summary = `This decides chunk ${flags.chunk} of request ${id}: ${DECISIONS[resolution.kind]}.`;
  await act(cli, id, flags, summary, async (deps) => {
    const chunk = await resolveChunk(deps, id, flags.chunk, resolution, actor());
    note(cli, `chunk ${chunk.id} is ${chunk.state}`);
    return id;
  });
}

/** Returns the decision. Exactly one of `--adopt`, `--not-sent` and `--give-up` must be given. Errors: `validation_failed`. */
export function resolutionOf(flags: { adopt?: string; notSent?: boolean; giveUp?: boolean }): Resolution {
  const given: Resolution[] = [
    ...(flags.adopt === undefined ? [] : [{ kind: 'adopt' as const, telnyxId: flags.adopt }]),
    ...(flags.notSent === true ? [{ kind: 'not_sent' as const }] : []),
    ...(flags.giveUp === true ? [{ kind: 'give_up' as const }] : []),
  ];
  const [only, ...more] = given;
  if (only === undefined || more.length > 0)
    throw invalid([{ path: 'resolve', message: 'give exactly one of --adopt ORDER, --not-sent and --give-up' }]);
  return only;
}

async function act(
  cli: Cli,
  id: string,
  flags: ActFlags,
  summary: string,
  run: (deps: ProducerDeps) => Promise<string>,
): Promise<void> {
  requireConsent(cli.io, flags.yes);
  const view = await withProducer(cli, async (deps) => {
    if ((await readRequest(deps.db, id)) === null) throw notFound(`there is no request ${id}`);
    await confirm(cli.io, flags.yes, async () => summary);
    const after = await readRequest(deps.db, await run(deps));
    if (after !== null) await noteWorkerless(cli, deps, [after]);
    return after;
  });
  if (view === null) throw notFound(`there is no request ${id}`);
  await result(cli, flags.json, view, () => requestText(view, cli.io.paintOut));
}
