import type { Db } from '../db/client.ts';
import { invalid, notFound, ProvisioningError } from '../domain/errors.ts';
import { isE164 } from '../domain/phone-number.ts';
import { hasEnded } from '../domain/request.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { readNumber } from '../producers/read/history.ts';
import { readAccountView, readChunks, readRequest, readRun, reportRun, streamItems } from '../producers/read/read.ts';
import { streamNumbers, streamRuns } from '../producers/read/streams.ts';
import type { CallOptions, Provisioner } from './interface.ts';
import type { RequestView } from './types.ts';

/** What the verbs work with. It is opened by the first of them. */
export interface Opened {
  deps: ProducerDeps;
  /** Job slots of the configuration. */
  jobSlots: number;
}

const CHECK_EVERY_MS = 500;

/** The verbs of the library but `close`. What only some of them need is loaded when they run, because it loads slowly. */
export function verbs(open: () => Promise<Opened>, actor: string): Omit<Provisioner, 'close'> {
  const deps = async (): Promise<ProducerDeps> => (await open()).deps;
  return {
    ...requestVerbs(deps, actor),
    ...planVerbs(deps, actor),
    ...runVerbs(deps, actor),
    numbers: async function* (where = {}) {
      const { parseFilter } = await import('../producers/intake/filter-shapes.ts');
      const filter = parseFilter(where, (field) => field);
      yield* streamNumbers((await deps()).db, filter);
    },
    number: async (phoneNumber) => {
      if (!isE164(phoneNumber)) throw invalid([{ path: '', message: 'must be an E.164 number such as +13125550100' }]);
      return readNumber((await deps()).db, phoneNumber);
    },
    account: async () => {
      const opened = await open();
      return readAccountView(opened.deps.db, opened.jobSlots);
    },
    reopen: async () => {
      const { deps, jobSlots } = await open();
      const { openGate } = await import('../db/account.ts');
      await openGate(deps.db.sql, { actor, at: deps.clock.now() });
      return readAccountView(deps.db, jobSlots);
    },
  };
}

type RequestVerbs = 'buy' | 'update' | 'delete' | 'request' | 'waitFor' | 'items' | 'chunks' | 'cancel' | Acts;
type Acts = 'pause' | 'resume' | 'approve' | 'retry' | 'undo';

function requestVerbs(deps: () => Promise<ProducerDeps>, actor: string): Pick<Provisioner, RequestVerbs | 'resolve'> {
  const view = async (id: string): Promise<RequestView> => mustFind(await readRequest((await deps()).db, id), id);
  const submit = async (kind: string, body: object, call: CallOptions = {}): Promise<RequestView> => {
    const { submitRequest } = await import('../producers/intake/submit.ts');
    const { idempotencyKey } = call;
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    const { request } = await submitRequest(
      await deps(),
      { ...body, kind },
      { actor: call.actor ?? actor, ...key, keySpace: 'library' },
    );
    return view(request.id);
  };
  return {
    buy: (body, options) => submit('buy', body, options),
    update: (body, options) => submit('update', body, options),
    delete: (body, options) => submit('delete', body, options),
    request: async (id) => readRequest((await deps()).db, id),
    waitFor: async (id, { timeoutMs = 600_000 } = {}) => {
      const { waitForEnd } = await import('../producers/read/wait.ts');
      const request = mustFind(await waitForEnd((await deps()).db, id, { everyMs: CHECK_EVERY_MS, timeoutMs }), id);
      if (hasEnded(request.status)) return request;
      throw new ProvisioningError('wait_timed_out', 'rejected', `request ${id} is still ${request.status}; it goes on`);
    },
    items: async function* (id, { status } = {}) {
      const { db } = await deps();
      await view(id);
      yield* streamItems(db, id, { status });
    },
    chunks: async (id) => {
      await view(id);
      return readChunks((await deps()).db, id);
    },
    cancel: async (id) => {
      const { cancelRequest } = await import('../producers/actions/cancel.ts');
      await cancelRequest(await deps(), id, actor);
      return view(id);
    },
    pause: async (id) => {
      const { pauseRequest } = await import('../producers/actions/pause.ts');
      await pauseRequest(await deps(), id, actor);
      return view(id);
    },
    resume: async (id) => {
      const { resumeRequest } = await import('../producers/actions/pause.ts');
      await resumeRequest(await deps(), id, actor);
      return view(id);
    },
    approve: async (id) => {
      const { approveRequest } = await import('../producers/actions/approve.ts');
      await approveRequest(await deps(), id, actor);
      return view(id);
    },
    retry: async (id) => {
      const { retryRequest } = await import('../producers/actions/retry.ts');
      const { request } = await retryRequest(await deps(), id, actor);
      return view(request.id);
    },
    undo: async (id, choice) => {
      const [{ parseUndo }, { planUndo, undoRequest }, { undoAnswer }] = await Promise.all([
        import('../producers/actions/parse-undo.ts'),
        import('../producers/actions/undo.ts'),
        import('../producers/read/undo-answer.ts'),
      ]);
      const { planOnly, ...chosen } = parseUndo(choice);
      if (planOnly) return undoAnswer(id, await planUndo(await deps(), id), null);
      const { request, plan } = await undoRequest(await deps(), id, { ...chosen, actor });
      return undoAnswer(id, plan, await view(request.id));
    },
    resolve: async (id, chunkId, decision) => {
      const [{ parseDecision }, { resolveChunk }] = await Promise.all([
        import('../producers/actions/parse-decision.ts'),
        import('../producers/actions/decide.ts'),
      ]);
      await resolveChunk(await deps(), id, chunkId, parseDecision(decision), actor);
      return view(id);
    },
  };
}

function planVerbs(deps: () => Promise<ProducerDeps>, actor: string): Pick<Provisioner, 'plan' | 'apply'> {
  const waitOf = (timeoutMs = 600_000) => ({ everyMs: CHECK_EVERY_MS / 2, timeoutMs });
  return {
    plan: async (body, options = {}) => {
      const [{ makePlan }, { waitForPlan }, { planView }] = await Promise.all([
        import('../producers/plans/make-plan.ts'),
        import('../producers/plans/wait.ts'),
        import('../producers/plans/plan-view.ts'),
      ]);
      const opened = await deps();
      const { plan } = await makePlan(opened, body, { actor: options.actor ?? actor });
      return planView(await waitForPlan(opened, plan.id, waitOf(options.timeoutMs)), opened.clock.now());
    },
    apply: async (planId, { allowChanges = false, timeoutMs, ...options } = {}) => {
      const { applyPlan } = await import('../producers/plans/wait.ts');
      const opened = await deps();
      const applier = { actor: options.actor ?? actor, allowChanges };
      const { requestId } = await applyPlan(opened, planId, applier, waitOf(timeoutMs));
      return mustFind(await readRequest(opened.db, requestId), requestId);
    },
  };
}

type RunVerbs = 'reconcile' | 'run' | 'runs' | 'repair' | 'accept';

function runVerbs(deps: () => Promise<ProducerDeps>, actor: string): Pick<Provisioner, RunVerbs> {
  const db = async (): Promise<Db> => (await deps()).db;
  return {
    reconcile: async ({ repair = false } = {}) => {
      const { startRun } = await import('../producers/actions/start-run.ts');
      return reportRun(await db(), await startRun(await deps(), 'manual', repair, actor));
    },
    run: async (id) => readRun(await db(), id),
    runs: async function* () {
      yield* streamRuns(await db());
    },
    repair: async (runId, choice) => {
      const [{ parseChoice }, { repairRun }, { repairAnswer }] = await Promise.all([
        import('../producers/actions/parse-choice.ts'),
        import('../producers/actions/repair-run.ts'),
        import('../producers/read/drift-answers.ts'),
      ]);
      return repairAnswer(await db(), runId, await repairRun(await deps(), runId, { ...parseChoice(choice), actor }));
    },
    accept: async (runId, choice) => {
      const [{ parseChoice }, { acceptRun }, { acceptAnswer }] = await Promise.all([
        import('../producers/actions/parse-choice.ts'),
        import('../producers/actions/accept-run.ts'),
        import('../producers/read/drift-answers.ts'),
      ]);
      return acceptAnswer(await db(), runId, await acceptRun(await deps(), runId, parseChoice(choice), actor));
    },
  };
}

function mustFind(request: RequestView | null, id: string): RequestView {
  if (request === null) throw notFound(`there is no request ${id}`);
  return request;
}
