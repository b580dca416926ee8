import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Chunk, chunksOfRequest, getChunk } from '../../src/db/chunks.ts';
import { isFinal } from '../../src/domain/chunk.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { historyOf } from '../../src/domain/evidence.ts';
import { inSlices } from '../../src/domain/phone-number.ts';
import type { StepOf } from '../../src/domain/step.ts';
import { advance } from '../../src/processors/chunk/advance.ts';
import type { ChunkKind, ChunkOf } from '../../src/processors/chunk/kind.ts';
import { ownNumbers } from '../../src/processors/guards/own-numbers.ts';
import { waitUntilShown } from '../../src/processors/guards/wait-until-shown.ts';
import { KINDS } from '../../src/processors/kinds/table.ts';
import { rescueStuck } from '../../src/recovery/expired-leases.ts';
import { openHarness } from '../support/harness.ts';
import { memoryQueue } from '../support/http-harness.ts';

/**
 * A kind of call that is none of ours: numbers are assigned to a campaign one by one, as Telnyx does for 10DLC. There is no batch
 * endpoint, a refusal names its number, and a list with a lag shows what is assigned.
 */
const CAMPAIGN = '4b20017f-8da9-2a64-d1a1-6a52a5c4d5f0';
/** So many calls fit into one lease. */
const SLICE = 3;
const LAG_MS = 300;

const h = await openHarness({ simulator: { owned: 60 } });
afterAll(() => h.close());
await h.learnInventory();

/** Time passes only when a test says so. */
let time = Date.now();
const deps = { ...h.deps, queue: memoryQueue(), clock: { now: () => new Date(time) } };

/** What Telnyx does with the next call for a number. */
type Behaviour = 'refuses' | 'takes_and_loses_reply' | 'loses_call' | 'takes_and_hangs' | 'loses_call_and_hangs';

/** Telnyx for this kind: which numbers it was called for, and which it has assigned since when. */
const calls: string[] = [];
const assigned = new Map<string, number>();
const behaviours = new Map<string, Behaviour>();
beforeEach(() => behaviours.clear());

async function assign(number: string): Promise<void> {
  const behaviour = behaviours.get(number);
  behaviours.delete(number);
  if (behaviour === 'refuses') {
    const text = 'the number is not eligible for the campaign';
    throw new ProvisioningError('forbidden', 'rejected', text, { numbers: [number] });
  }
  const isLost = behaviour === 'loses_call' || behaviour === 'loses_call_and_hangs';
  if (!isLost) {
    calls.push(number);
    assigned.set(number, time);
  }
  // A process that is killed never goes on from here.
  if (behaviour === 'takes_and_hangs' || behaviour === 'loses_call_and_hangs') await new Promise(() => undefined);
  if (behaviour !== undefined) throw new ProvisioningError('unknown_outcome', 'ambiguous', 'the connection broke');
}

/** Of these numbers, those that the list of the campaign shows by now. */
const listed = (numbers: readonly string[]) => new Set(numbers.filter((n) => time - (assigned.get(n) ?? time) >= LAG_MS));
const successOf = (numbers: string[]) => numbers.map((phoneNumber) => ({ phoneNumber }));

type AssignmentChunk = ChunkOf<StepOf<'messaging'>>;

const assignment: ChunkKind<StepOf<'messaging'>, ReadonlySet<string>> = {
  holdsSlot: false,
  buys: false,
  prepare: async (work, planned) => {
    const own = await ownNumbers(work, planned);
    if (own.kind !== 'own') return own;
    const { chunk, numbers } = own;
    const shown = listed(numbers);
    // Their own calls may have left with an earlier slice. They are not sent again before the list had time to show them.
    const isUnsure = historyOf(chunk.evidence).resent === undefined;
    const unsure = isUnsure ? (chunk.payload?.sent ?? []).filter((n) => !shown.has(n)) : [];
    const reason = 'the list does not show all numbers yet';
    const wait = await waitUntilShown(work, chunk, unsure, new Map(), { delayMs: work.timings.checkMinMs, reason });
    if (wait !== null) return wait;
    const todo = numbers.filter((n) => !shown.has(n));
    if (shown.size === 0 && todo.length <= SLICE) return { kind: 'ready', chunk, numbers, payload: {} };
    const again = [...inSlices(todo, SLICE)].map((slice) => ({ numbers: slice }));
    const cause = again.length === 0 ? 'nothing_to_send' : 'split';
    return { kind: 'settle', chunk, settlement: { cause, succeeded: successOf([...shown]), again } };
  },
  send: async (_telnyx, chunk, lastCheck, carry) => {
    for (const number of chunk.numbers) {
      await lastCheck();
      await carry([number]);
      await assign(number);
    }
    return chunk.step.messaging_profile_id;
  },
  refused: async (_work, _chunk, failure) =>
    failure.disposition === 'rejected' && failure.numbers.length > 0
      ? { kind: 'drop', numbers: failure.numbers }
      : { kind: 'by_disposition' },
  observe: async (work, chunk) => {
    const shown = listed(chunk.numbers);
    const isWindowOver = time - (chunk.submittedAt ?? chunk.createdAt).getTime() >= work.timings.settleMs;
    const isAll = (chunk.payload?.sent ?? []).every((n) => shown.has(n));
    if (isAll || isWindowOver) return { kind: 'over', over: shown };
    return { kind: 'open', delayMs: work.timings.pollMinMs, reason: 'not listed yet' };
  },
  judge: async (_work, chunk, shown) => {
    const rest = chunk.numbers.filter((n) => !shown.has(n));
    const again = rest.length === 0 ? [] : [{ numbers: rest }];
    return { kind: 'settle', settlement: { cause: 'finished', succeeded: successOf([...shown]), again }, said: 'settled' };
  },
  find: async (_work, chunk) => {
    const shown = listed(chunk.payload?.sent ?? []);
    return { ids: shown.size === 0 ? [] : [chunk.step.messaging_profile_id], owned: new Map() };
  },
};

const kinds = { ...KINDS, messaging: assignment };
const step = (chunk: Chunk) => advance(deps, kinds, 'messaging.run', { chunkId: chunk.id, requestId: chunk.requestId });

const all = h.sim.ownedNumbers();
const take = (count: number): string[] => all.splice(0, count).sort();

/** Files an assignment with its only chunk. */
async function file(numbers: string[]): Promise<Chunk> {
  const id = await h.submit({ kind: 'update', phone_numbers: numbers, set: { messaging_profile_id: CAMPAIGN } });
  const [chunk] = await h.chunks(id);
  if (chunk === undefined) throw new Error('no chunk');
  return chunk;
}

/** Does what the queue and the sweep do, until the request has no open chunk. Every wait takes no time. */
async function drive(requestId: string): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    const open = (await chunksOfRequest(deps.db.sql, requestId)).filter((c) => !isFinal(c.state));
    if (open.length === 0) return;
    for (const chunk of open) {
      const outcome = await step(chunk);
      if (outcome.kind === 'snooze') time += Math.max(outcome.delayMs, 1);
    }
    await rescueStuck(deps);
  }
  throw new Error('the chunks do not come to their end');
}

const endsOf = async (requestId: string) =>
  (await h.items(requestId)).map((i) => (i.reasonCode === null ? i.status : `${i.status} ${i.reasonCode}: ${i.reason}`));
const callsFor = (numbers: string[]) => calls.filter((n) => numbers.includes(n)).sort();

describe('a kind that takes one number a call', () => {
  it('cuts slices that fit a lease, and sends each number once', async () => {
    const numbers = take(7);
    const { requestId } = await file(numbers);
    await drive(requestId);
    expect(await endsOf(requestId)).toEqual(numbers.map(() => 'succeeded'));
    expect(callsFor(numbers)).toEqual(numbers);
    const sizes = (await h.chunks(requestId)).map((c) => c.numbers.length);
    expect(sizes.sort()).toEqual([1, 3, 3, 7]);
  });

  it.each([0, 1, 2])('ends number %i of a slice with the words of its refusal, and the others go out once', async (at) => {
    const numbers = take(3);
    const [bad = ''] = numbers.slice(at);
    const { requestId } = await file(numbers);
    behaviours.set(bad, 'refuses');
    await drive(requestId);
    expect(callsFor(numbers)).toEqual(numbers.filter((n) => n !== bad));
    const words = 'failed forbidden: the number is not eligible for the campaign';
    expect(await endsOf(requestId)).toEqual(numbers.map((n) => (n === bad ? words : 'succeeded')));
  });

  it.each(['takes_and_loses_reply', 'loses_call'] as const)(
    'sends no number twice when Telnyx %s in the middle',
    async (behaviour) => {
      const numbers = take(3);
      const { requestId } = await file(numbers);
      behaviours.set(numbers[1] ?? '', behaviour);
      await drive(requestId);
      expect(callsFor(numbers)).toEqual(numbers);
      expect(await endsOf(requestId)).toEqual(numbers.map(() => 'succeeded'));
    },
  );

  it.each([
    ['takes_and_hangs', 0],
    ['takes_and_hangs', 1],
    ['takes_and_hangs', 2],
    ['loses_call_and_hangs', 0],
    ['loses_call_and_hangs', 1],
  ] as const)('sends no number twice when its process dies while Telnyx %s with number %i', async (behaviour, at) => {
    const numbers = take(3);
    const chunk = await file(numbers);
    behaviours.set(numbers[at] ?? '', behaviour);
    void step(chunk);
    await expect.poll(async () => (await getChunk(deps.db.sql, chunk.id))?.payload?.sent).toEqual(numbers.slice(0, at + 1));
    await expect.poll(() => behaviours.size).toBe(0);
    time += deps.timings.leaseMs + 1;
    expect(await rescueStuck(deps)).toEqual([chunk.id]);
    await drive(chunk.requestId);
    expect(callsFor(numbers)).toEqual(numbers);
    expect(await endsOf(chunk.requestId)).toEqual(numbers.map(() => 'succeeded'));
  });

  it('prepares and judges without a slot: no queue job, no lease, and the row stays as it is', async () => {
    const chunk = await file(take(5));
    const jobs = deps.queue.jobs.length;
    const asAssignment = (row: Chunk): AssignmentChunk => {
      if (row.step.kind !== 'messaging') throw new Error('another kind');
      return { ...row, step: row.step };
    };
    const prepared = await assignment.prepare(deps, asAssignment(chunk));
    expect(prepared).toMatchObject({ kind: 'settle', settlement: { cause: 'split' } });
    const judged = await assignment.judge(deps, asAssignment(chunk), new Set(chunk.numbers.slice(0, 4)));
    expect(judged).toMatchObject({ kind: 'settle', settlement: { again: [{ numbers: chunk.numbers.slice(4) }] } });
    expect(await getChunk(deps.db.sql, chunk.id)).toEqual(chunk);
    expect(deps.queue.jobs).toHaveLength(jobs);
    expect(callsFor(chunk.numbers)).toEqual([]);
  });
});
