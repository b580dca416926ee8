import { expect, it } from 'vitest';
import { shareOwnership } from '../../../src/account/ownership.ts';
import { ProvisioningError } from '../../../src/domain/errors.ts';

const numbers = (from: number, n: number): string[] =>
  Array.from({ length: n }, (_, i) => `+1312555${String(from + i).padStart(4, '0')}`);

/** Telnyx that owns every number, and refuses a call that `refuses` says. */
function telnyxThat(refuses: (asked: string[]) => ProvisioningError | null = () => null) {
  const sizes: number[] = [];
  return {
    sizes,
    verifyOwnership: async (asked: string[]): Promise<Map<string, string>> => {
      sizes.push(asked.length);
      const refusal = refuses(asked);
      if (refusal !== null) throw refusal;
      return new Map(asked.map((n) => [n, `id ${n}`]));
    },
  };
}

it('checks of ten orders share one call, and each gets its own numbers only', async () => {
  const [telnyx, ownership] = [telnyxThat(), shareOwnership(5)];
  const parts = Array.from({ length: 10 }, (_, i) => numbers(i * 100, 100));
  const found = await Promise.all(parts.map((part) => ownership.check(telnyx, part)));
  expect(telnyx.sizes).toEqual([1_000]);
  expect(found.map((f) => [...f.keys()])).toEqual(parts);
});

it('no call has more than 1,000 numbers, unless one check alone has', async () => {
  const [telnyx, ownership] = [telnyxThat(), shareOwnership(5)];
  await Promise.all([600, 600, 1_000].map((n) => ownership.check(telnyx, numbers(0, n))));
  expect(telnyx.sizes.toSorted()).toEqual([1_000, 600, 600].toSorted());
});

it('a check never gets the answer of a call that left before it was asked for', async () => {
  const [telnyx, ownership] = [telnyxThat(), shareOwnership(5)];
  await ownership.check(telnyx, numbers(0, 1));
  await ownership.check(telnyx, numbers(0, 1));
  expect(telnyx.sizes).toEqual([1, 1]);
});

it('a refusal for the numbers of one check does not fail the others', async () => {
  const bad = '+19995550000';
  const refusal = new ProvisioningError('invalid_request', 'rejected', 'no such number');
  const telnyx = telnyxThat((asked) => (asked.includes(bad) ? refusal : null));
  const ownership = shareOwnership(5);
  const ends = await Promise.allSettled([ownership.check(telnyx, numbers(0, 2)), ownership.check(telnyx, [bad])]);
  expect(ends.map((e) => e.status)).toEqual(['fulfilled', 'rejected']);
});

it('a call that did not answer fails every check, and is not repeated', async () => {
  const telnyx = telnyxThat(() => new ProvisioningError('rate_limited', 'retry', 'later'));
  const ownership = shareOwnership(5);
  const ends = await Promise.allSettled([ownership.check(telnyx, numbers(0, 2)), ownership.check(telnyx, numbers(5, 2))]);
  expect([ends.map((e) => e.status), telnyx.sizes]).toEqual([['rejected', 'rejected'], [4]]);
});
