import type { Tx } from '../../db/client.ts';
import { insertEvent } from '../../db/events.ts';
import { getRequest, lockRequest, type Request } from '../../db/requests.ts';
import { judgeUndo, openUndoOf, readUndo, type UndoPlan, type UndoTarget, undoTargets } from '../../db/undo.ts';
import { notFound, refused } from '../../domain/errors.ts';
import { hasEnded } from '../../domain/request.ts';
import type { ProducerDeps } from '../deps.ts';
import { updateSteps } from '../intake/plan.ts';
import type { NumberRow } from '../intake/stage-numbers.ts';
import { submitKnown } from '../intake/submit.ts';

export interface UndoOptions {
  /** Who undoes. The new request counts on that budget. */
  actor: string;
  /** The mark of the plan that was shown. When the plan is another one by now, nothing is filed. */
  mark?: string;
}

/** A filed undo. */
export interface Undone {
  request: Request;
  /** False when an undo of the same request is still open: then it is returned, and nothing was filed. */
  created: boolean;
  plan: UndoPlan;
}

/**
 * Computes what an undo of a request would put back, from the before and after in the events of its numbers. It changes nothing.
 * Errors: `not_found`, `not_ended`, `not_undoable`.
 */
export async function planUndo(deps: ProducerDeps, id: string): Promise<UndoPlan> {
  const request = await undoable(deps, id);
  return deps.db.sql.begin(async (tx) => {
    await judgeUndo(tx, request);
    return readUndo(tx, request);
  });
}

/**
 * Files an update that puts back what a request changed. What somebody else changed since is left, and so are numbers that an open
 * request works on. The numbers are judged and stored in one transaction, so nothing moves in between. Errors: those of `planUndo`,
 * `nothing_to_undo`, `undo_moved`, `budget_exceeded`, `price_unknown`.
 */
export async function undoRequest(deps: ProducerDeps, id: string, options: UndoOptions): Promise<Undone> {
  const { actor } = options;
  const undone = await undoable(deps, id);
  const held: { plan?: UndoPlan } = {};
  const body = { kind: 'update' as const, label: `undo of ${id}`, set: {}, undoes: id };
  try {
    const { request } = await submitKnown(deps, body, {
      filedBy: id,
      actor,
      numbersIn: (tx) => rowsBack(tx, undone, options, held),
      together: async (tx, undoId) => {
        const event = { subject: 'request', subjectId: id, requestId: id, from: undone.status, cause: 'undone' } as const;
        await insertEvent(tx, {
          ...event,
          at: deps.clock.now(),
          actor,
          detail: { undo: undoId, numbers: held.plan?.numbers ?? 0 },
        });
      },
    });
    return { request, created: true, plan: held.plan ?? (await planUndo(deps, id)) };
  } catch (error) {
    if (!(error instanceof UnderWay)) throw error;
    return { request: error.undo, created: false, plan: await planUndo(deps, id) };
  }
}

/** Thrown to store nothing because an earlier undo of the same request is still open. It never leaves this file. */
class UnderWay extends Error {
  readonly undo: Request;
  constructor(undo: Request) {
    super('an undo is under way');
    this.undo = undo;
  }
}

async function undoable(deps: ProducerDeps, id: string): Promise<Request> {
  const request = await getRequest(deps.db.sql, id);
  if (request === null) throw notFound(`there is no request ${id}`);
  if (request.kind !== 'update') {
    const why =
      request.kind === 'buy'
        ? 'bought numbers are paid for; release them by a delete'
        : 'released numbers are gone; search for them by a buy';
    throw refused('not_undoable', `request ${id} is a ${request.kind}, and only an update can be undone: ${why}`);
  }
  if (!hasEnded(request.status))
    throw refused('not_ended', `request ${id} is ${request.status}; it can be undone when it has ended`);
  return request;
}

/**
 * The numbers with the steps that put them back. The lock keeps two undos of one request apart: the second one finds the first. It
 * is the first lock of the transaction.
 */
async function* rowsBack(tx: Tx, undone: Request, { mark }: UndoOptions, held: { plan?: UndoPlan }): AsyncGenerator<NumberRow> {
  await lockRequest(tx, undone.id);
  const open = await openUndoOf(tx, undone.id);
  if (open !== null) throw new UnderWay(open);
  await judgeUndo(tx, undone);
  const plan = await readUndo(tx, undone);
  if (plan.numbers === 0) throw refused('nothing_to_undo', nothingText(undone.id, plan));
  if (mark !== undefined && mark !== plan.mark)
    throw refused(
      'undo_moved',
      `numbers of request ${undone.id} changed since this undo was planned; nothing was filed, plan again`,
    );
  held.plan = plan;
  const steps = stepsReader();
  for await (const { phoneNumber, target } of undoTargets(tx)) yield { number: phoneNumber, at: 'undo', steps: steps(target) };
}

function nothingText(id: string, { already, changedSince, busy, gone, cannot }: UndoPlan): string {
  const parts = [
    ...(already > 0 ? [`${already} values are as before already`] : []),
    ...(changedSince.count > 0 ? [`${changedSince.count} were changed since by somebody else`] : []),
    ...(busy.count > 0 ? [`an open request works on ${busy.count} numbers`] : []),
    ...(gone.count > 0 ? [`${gone.count} numbers are not in the account any more`] : []),
    ...cannot.map((c) => `${c.field} of ${c.count} numbers cannot be put back`),
  ];
  return `request ${id} has nothing to put back: ${parts.length === 0 ? 'it changed no number' : parts.join('; ')}`;
}

/** How many different targets are remembered, so that most numbers need no work of their own. */
const REMEMBERED = 1_000;

/** Turns targets into steps as JSON. Equal targets give equal texts, and equal texts share batch jobs. */
function stepsReader(): (target: UndoTarget) => string {
  const known = new Map<string, string>();
  return (target) => {
    const key = JSON.stringify(target);
    const steps = known.get(key) ?? JSON.stringify(updateSteps(target));
    if (known.size >= REMEMBERED) known.clear();
    known.set(key, steps);
    return steps;
  };
}
