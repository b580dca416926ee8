import type { WorkDeps } from '../account/deps.ts';
import { closedByFailure } from '../account/gate.ts';
import { readNumbers } from '../account/read-numbers.ts';
import { type CanaryNumber, canaryNumbers, endedCanaries, passCanary } from '../db/canaries.ts';
import { pause, wakeHeld } from '../db/holds.ts';
import { lockRequest, type Request } from '../db/requests.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { awaitsCanary } from '../domain/hold.ts';
import { stepNotShown } from '../domain/not-shown.ts';
import { jobsOfWoken } from '../producers/actions/pause.ts';
import { enqueue } from '../producers/enqueue.ts';

/** How many numbers of a canary the reason of a pause names. */
const MOST_NAMED = 3;

/**
 * Judges each canary whose numbers have all ended: reads the numbers back at Telnyx, and lets the request go on when all are right.
 * Otherwise the request pauses. Reads lag, so a number that is not shown as asked is read again until a settling window has passed
 * since the end of the canary. Nothing is lost with the queue, because the sweep finds canaries by their rows.
 */
export async function judgeCanaries(deps: WorkDeps): Promise<number> {
  let judged = 0;
  for (const request of await endedCanaries(deps.db.sql, deps.clock.now())) {
    const wrong = await wrongNumbers(deps, request);
    if (wrong === 'later') continue;
    await conclude(deps, request.id, wrong);
    judged += 1;
  }
  return judged;
}

/** What is wrong with the numbers of a canary, number by number; `later` when the next sweep should read again. */
async function wrongNumbers(deps: WorkDeps, request: Request): Promise<string[] | 'later'> {
  const numbers = await canaryNumbers(deps.db.sql, request);
  const ended = numbers.flatMap((n) => (n.status === 'failed' || n.status === 'cancelled' ? [failureText(n)] : []));
  if (ended.length > 0) return ended;
  try {
    const listed = numbers.flatMap((n) => n.phoneNumber ?? []);
    const shown = await readNumbers(deps, listed);
    const wrong = numbers.flatMap(({ phoneNumber, steps }) => {
      const number = shown.get(phoneNumber ?? '');
      if (number === undefined) return [`${phoneNumber} is not in the list of Telnyx`];
      const fields = [...new Set(steps.flatMap((step) => stepNotShown(number, step)))];
      return fields.length === 0 ? [] : [`${phoneNumber} shows another ${fields.join(', ')} than was asked`];
    });
    const since = Math.max(...numbers.map((n) => n.endedAt.getTime()));
    const mayLag = deps.clock.now().getTime() - since < deps.timings.settleMs;
    return wrong.length > 0 && mayLag ? 'later' : wrong;
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.disposition === 'bug') throw error;
    await closedByFailure(deps, error);
    deps.log.warn({ err: error, requestId: request.id }, 'the canary could not be read back; the next sweep tries again');
    return 'later';
  }
}

const failureText = ({ phoneNumber, status, reason }: CanaryNumber): string =>
  `${phoneNumber ?? 'a number'} ended as ${status}${reason === null ? '' : ` (${reason})`}`;

/** Lets the request go on, or pauses it with the reason. A request that changed meanwhile is left alone. */
async function conclude(deps: WorkDeps, id: string, wrong: string[]): Promise<void> {
  const at = deps.clock.now();
  const jobs = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, id);
    const isOpen =
      request !== null && request.finishedAt === null && request.pausedAt === null && request.cancelRequestedAt === null;
    if (!isOpen || !awaitsCanary(request)) return [];
    if (wrong.length > 0) {
      const more = wrong.length - MOST_NAMED;
      const named = wrong.slice(0, MOST_NAMED).join('; ') + (more > 0 ? `; and ${more} more` : '');
      const text = `${wrong.length} of the ${request.canary} numbers of the canary are not right: ${named}`;
      await pause(tx, request, { code: 'canary_failed', text, at });
      deps.log.warn({ requestId: id }, `paused: ${text}`);
      return [];
    }
    await passCanary(tx, request, at);
    return jobsOfWoken(await wakeHeld(tx, id, at));
  });
  await enqueue(deps, jobs);
}
