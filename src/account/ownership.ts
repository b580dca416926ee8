import { ProvisioningError } from '../domain/errors.ts';
import type { E164 } from '../domain/phone-number.ts';
import type { TelnyxGateway } from '../telnyx/gateway.ts';

type Asks = Pick<TelnyxGateway, 'verifyOwnership'>;

/** Ownership checks of the chunks of this process. */
export interface Ownership {
  /**
   * Returns which of these numbers the account owns and may edit, with their ids. The call leaves after this was asked, so the
   * answer is as fresh as that of a call of its own. Errors: those of the gateway.
   */
  check(telnyx: Asks, numbers: E164[]): Promise<Map<E164, string>>;
}

/** The most numbers that one ownership check takes. */
const MOST = 1_000;
/** How long a check waits for those of other chunks, in milliseconds. */
const GATHER_MS = 50;

interface Asker {
  telnyx: Asks;
  numbers: E164[];
  answer: (found: Map<E164, string>) => void;
  fail: (error: unknown) => void;
}

/** Lets checks that are asked for at about the same time share calls of 1,000 numbers. */
export function shareOwnership(gatherMs = GATHER_MS): Ownership {
  let waiting: Asker[] = [];
  let timer: NodeJS.Timeout | undefined;

  const leave = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const together = waiting;
    waiting = [];
    void askTogether(together);
  };
  const asked = (): number => waiting.reduce((sum, { numbers }) => sum + numbers.length, 0);

  return {
    check: (telnyx, numbers) => {
      if (numbers.length >= MOST) return telnyx.verifyOwnership(numbers);
      if (asked() + numbers.length > MOST) leave();
      return new Promise((answer, fail) => {
        waiting.push({ telnyx, numbers, answer, fail });
        if (asked() === MOST) leave();
        else timer ??= setTimeout(leave, gatherMs);
      });
    },
  };
}

/** For a process without timers, such as the random walk: each check is a call of its own. */
export const checkEach: Ownership = { check: (telnyx, numbers) => telnyx.verifyOwnership(numbers) };

/**
 * Asks for the numbers of all askers in one call. A refusal may concern the numbers of one asker only, so each then asks for
 * itself. Every other failure is that of all.
 */
async function askTogether(askers: Asker[]): Promise<void> {
  const [first, ...others] = askers;
  if (first === undefined) return;
  if (others.length === 0) return first.telnyx.verifyOwnership(first.numbers).then(first.answer, first.fail);
  try {
    const found = await first.telnyx.verifyOwnership([...new Set(askers.flatMap(({ numbers }) => numbers))]);
    for (const { numbers, answer } of askers) answer(partOf(found, numbers));
  } catch (error) {
    const isRefused = error instanceof ProvisioningError && (error.disposition === 'rejected' || error.disposition === 'bug');
    for (const { telnyx, numbers, answer, fail } of askers) {
      if (isRefused) telnyx.verifyOwnership(numbers).then(answer, fail);
      else fail(error);
    }
  }
}

function partOf(found: ReadonlyMap<E164, string>, numbers: E164[]): Map<E164, string> {
  const part = new Map<E164, string>();
  for (const number of numbers) {
    const id = found.get(number);
    if (id !== undefined) part.set(number, id);
  }
  return part;
}
