import type { WorkDeps } from '../../account/deps.ts';
import { readNumbers } from '../../account/read-numbers.ts';
import { getNumbers, type PhoneNumber } from '../../db/numbers.ts';
import { judgePlanNumbers, notOwnedOfPlan, type PlanNumber, streamPlanNumbers, TAKE, type Which } from '../../db/plan-numbers.ts';
import { formatMoney, type Micros, moneyOf } from '../../domain/money.ts';
import type { DeletePlan, PlanStop } from '../../domain/plan.ts';
import type { StepOf } from '../../domain/step.ts';
import { countProblem, MOST_NOT_OWNED, ownedProblem } from '../../producers/intake/guard-delete.ts';
import { releaseStep } from '../../producers/intake/plan.ts';
import type { DeleteBody } from '../../producers/intake/request-shapes.ts';
import { judgeRelease, NOT_READABLE } from '../guards/release-guards.ts';
import { estimate } from './estimate.ts';
import type { HeldPlan } from './hold-plan.ts';

const SAMPLE = 5;

/** What the guards say of one number. `code` is `null` when it would be released. */
export interface Judged {
  number: PlanNumber;
  ours: PhoneNumber | undefined;
  code: PlanStop['code'] | null;
  reason: string;
  first: 'unlock' | 'disable_emergency' | null;
}

/**
 * Runs every guard of a release on what Telnyx shows now, and releases nothing. The numbers are read batch by batch, so memory stays
 * flat. A release that its own count or an unknown number would stop is not judged number by number. Errors: those of the gateway.
 */
export async function planDelete(deps: WorkDeps, held: HeldPlan, body: DeleteBody): Promise<DeletePlan> {
  const { plan } = held;
  const plain: DeletePlan = {
    kind: 'delete',
    numbers: plan.asked,
    release: 0,
    unlock: 0,
    disable_emergency: 0,
    gone: 0,
    kept: [],
    monthly_ends: [],
    unpriced: 0,
    sample: [],
    stops: await wholeStops(deps, held, body),
    notes: [],
    calls: [],
    seconds: 1,
  };
  if (plain.stops.length > 0) return plain;
  const sums = new Map<string, Micros>();
  const kept = new Map<string, DeletePlan['kept'][number]>();
  const result = { ...plain };
  for await (const slice of judged(deps, held, releaseStep(body), 'all')) {
    await judgePlanNumbers(
      deps.db.sql,
      plan.id,
      slice.map(({ number, code }) => ({ phoneNumber: number.phoneNumber, verdict: code ?? TAKE })),
    );
    for (const one of slice) {
      if (one.code === null) addReleased(result, sums, one);
      else if (one.code === 'already_gone') result.gone += 1;
      else addKept(kept, one, one.code);
    }
  }
  return {
    ...result,
    kept: [...kept.values()],
    monthly_ends: [...sums].map(([currency, monthly]) => ({ monthly: formatMoney(monthly), currency })),
    stops: [...kept.values()].map(({ sample: _sample, ...stop }) => stop),
    notes: result.release > 0 ? ['released numbers may be gone for good'] : [],
    ...(await estimate(deps, plan.steps, result.release)),
  };
}

/** Why the release would be refused as a whole: by its expected count, or because it names numbers that are not ours. */
async function wholeStops(deps: WorkDeps, { plan }: HeldPlan, body: DeleteBody): Promise<PlanStop[]> {
  const notOwned = await notOwnedOfPlan(deps.db.sql, plan.id, MOST_NOT_OWNED);
  // With `skip_gone`, numbers that the inventory knew once are skipped, and only the others stop the release.
  const stopping = body.skip_gone === true ? { ...notOwned, count: notOwned.count - notOwned.gone, gone: 0 } : notOwned;
  const first = body.skip_gone === true ? notOwned.first.filter((n) => n.state === null) : notOwned.first;
  const problem = countProblem(plan.asked, body.expected_count, null) ?? ownedProblem(plan.asked, { ...stopping, first });
  return problem === null ? [] : [{ code: problem.code, message: problem.message, numbers: plan.asked }];
}

/** Judges the numbers of a plan batch by batch, by what Telnyx and the inventory show now. */
export async function* judged(deps: WorkDeps, held: HeldPlan, step: StepOf<'delete'>, which: Which): AsyncGenerator<Judged[]> {
  let slice: PlanNumber[] = [];
  for await (const number of streamPlanNumbers(deps.db.sql, held.plan.id, which)) {
    slice.push(number);
    if (slice.length < deps.limits.batchSize) continue;
    yield await judgeSlice(deps, held, step, slice);
    slice = [];
  }
  if (slice.length > 0) yield await judgeSlice(deps, held, step, slice);
}

async function judgeSlice(deps: WorkDeps, held: HeldPlan, step: StepOf<'delete'>, slice: PlanNumber[]): Promise<Judged[]> {
  await held.keep();
  const ours = await getNumbers(
    deps.db.sql,
    slice.map((n) => n.phoneNumber),
  );
  const owned = slice.filter((n) => ours.get(n.phoneNumber)?.state === 'owned').map((n) => n.phoneNumber);
  const seen = owned.length === 0 ? new Map() : await readNumbers(deps, owned);
  const asked = deps.clock.now();
  return slice.map((number) => {
    const own = ours.get(number.phoneNumber);
    return { number, ours: own, first: null, ...verdictOf(step, { shown: seen.get(number.phoneNumber), ours: own, asked }) };
  });
}

/** What the guards say of one number: a reason to keep it, or what is removed before it is released. */
function verdictOf(
  step: StepOf<'delete'>,
  n: Parameters<typeof judgeRelease>[1],
): Pick<Judged, 'code' | 'reason'> & Partial<Pick<Judged, 'first'>> {
  if (n.ours !== undefined && n.ours.state !== 'owned')
    return { code: 'already_gone', reason: `the inventory calls it ${n.ours.state}` };
  const verdict = judgeRelease(step, n);
  switch (verdict.kind) {
    case 'unread':
      return { code: NOT_READABLE.code, reason: NOT_READABLE.reason };
    case 'keep':
      return { code: verdict.code, reason: verdict.reason };
    case 'unlock_first':
      return { code: null, reason: '', first: 'unlock' };
    case 'disable_emergency_first':
    case 'wait':
      return { code: null, reason: '', first: 'disable_emergency' };
    case 'release':
      return { code: null, reason: '' };
  }
}

function addReleased(result: DeletePlan, sums: Map<string, Micros>, { number, ours, first }: Judged): void {
  result.release += 1;
  if (first !== null) result[first] += 1;
  if (result.sample.length < SAMPLE) result.sample.push(number.phoneNumber);
  const monthly = ours?.monthlyCost ?? null;
  if (monthly === null) result.unpriced += 1;
  else sums.set(ours?.currency ?? 'USD', (sums.get(ours?.currency ?? 'USD') ?? 0n) + moneyOf(monthly));
}

function addKept(kept: Map<string, DeletePlan['kept'][number]>, { number, reason }: Judged, code: PlanStop['code']): void {
  const key = `${code} ${code === 'bought_after_request' ? '' : reason}`;
  const group = kept.get(key) ?? { code, message: reason, numbers: 0, sample: [] };
  group.numbers += 1;
  if (group.sample.length < SAMPLE) group.sample.push(number.phoneNumber);
  kept.set(key, group);
}
