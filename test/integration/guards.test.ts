import { describe, expect, it } from 'vitest';
import { type GuardFacts, guardDelete, PROTECTED_TAG } from '../../src/domain/delete-guard.ts';
import type { ProvisioningError } from '../../src/domain/errors.ts';
import type { EmergencyStatus } from '../../src/simulator/index.ts';
import { pick, type Random, seededRandom } from '../../src/simulator/random.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

/** Another seed by GUARDS_SEED; the one in use is in the names of the tests. */
const SEED = Number(process.env['GUARDS_SEED'] ?? '20261123');
const CASES = 1_000;
/** So many more are held by an open buy. */
const BOUGHT = 80;
interface Flags {
  includeLocked: boolean;
  includeEmergency: boolean;
}
const FLAGS: readonly [Flags, ...Flags[]] = [
  { includeLocked: false, includeEmergency: false },
  { includeLocked: true, includeEmergency: false },
  { includeLocked: false, includeEmergency: true },
  { includeLocked: true, includeEmergency: true },
];
const EMERGENCY = ['active', 'deprovisioning', 'disabled', 'provisioning', 'provisioning-failed'] as const;
const STATUS = ['active', 'port-out-pending', 'ported-out', 'purchase-pending', 'deleted', 'some-new-status'] as const;
const chance = (random: Random, share: number): boolean => random() < share;

describe('I8 the guard of a release, over random facts', () => {
  const factsOf = (random: Random): GuardFacts => ({
    tags: chance(random, 0.1)
      ? undefined
      : [...(chance(random, 0.2) ? ['solar'] : []), ...(chance(random, 0.15) ? [PROTECTED_TAG] : [])],
    deletionLockEnabled: pick(random, [false, false, true, undefined]),
    emergencyEnabled: pick(random, [false, false, true, undefined]),
    emergencyStatus: pick(random, [undefined, 'disabled', ...EMERGENCY, 'brand-new-status']),
    status: chance(random, 0.75) ? 'active' : pick(random, STATUS),
  });

  /** The rules in words of their own. */
  const allows = (n: GuardFacts, may: Flags): boolean => {
    // Off is what is said to be off; on is what is known to be on; all else is neither, and stays.
    const isOn = n.emergencyEnabled === true || EMERGENCY.some((s) => s !== 'disabled' && s === n.emergencyStatus);
    const isOff = n.emergencyStatus === 'disabled' || (n.emergencyStatus === undefined && n.emergencyEnabled === false);
    return (
      n.status === 'active' &&
      n.tags !== undefined &&
      !n.tags.includes(PROTECTED_TAG) &&
      n.deletionLockEnabled !== undefined &&
      (may.includeLocked || !n.deletionLockEnabled) &&
      (isOn ? may.includeEmergency : isOff)
    );
  };

  it(`${CASES} combinations: what it lets go at last, with all it asks for done first, is exactly what the rules allow (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    const released = { yes: 0, no: 0 };
    for (let i = 0; i < CASES; i += 1) {
      const facts = factsOf(random);
      const may = pick(random, FLAGS);
      const shown = `${JSON.stringify(facts)} ${JSON.stringify(may)}`;
      const now = { ...facts };
      const asked: string[] = [];
      let verdict = guardDelete(now, may);
      while (verdict.kind !== 'release' && verdict.kind !== 'keep') {
        asked.push(verdict.kind);
        if (verdict.kind === 'unlock_first') now.deletionLockEnabled = false;
        else Object.assign(now, { emergencyEnabled: false, emergencyStatus: 'disabled' });
        expect(asked.length, `it comes to an end: ${shown}`).toBeLessThanOrEqual(2);
        verdict = guardDelete(now, may);
      }
      expect(verdict.kind === 'release', shown).toBe(allows(facts, may));
      if (verdict.kind === 'keep') expect(verdict.reason, shown).not.toBe('');
      if (!may.includeLocked) expect(asked, shown).not.toContain('unlock_first');
      if (!may.includeEmergency) expect(asked, shown).not.toContain('disable_emergency_first');
      released[verdict.kind === 'release' ? 'yes' : 'no'] += 1;
    }
    // Both sides were really tried.
    expect(Math.min(released.yes, released.no)).toBeGreaterThan(CASES / 10);
  });
});

describe('I8 releases of numbers in random states', () => {
  interface Dealt {
    number: string;
    flags: Flags;
    locked: boolean;
    /** Which side knows the tag that protects. */
    protectedAt: 'nowhere' | 'telnyx' | 'inventory';
    emergency: EmergencyStatus;
    moving: boolean;
    gone: 'no' | 'released' | 'ported';
  }

  const dealt: Dealt[] = [];
  /** At the simulator services that could not be provisioned cannot be disabled either: such a number never gets ready to go. */
  const endable = (status: EmergencyStatus, flags: Flags): EmergencyStatus =>
    status === 'provisioning-failed' && flags.includeEmergency ? 'provisioning' : status;
  const deal = (random: Random, number: string, i: number): Dealt => ({
    number,
    flags: FLAGS[i % FLAGS.length] ?? FLAGS[0],
    locked: chance(random, 0.25),
    protectedAt: chance(random, 0.12) ? pick(random, ['telnyx', 'inventory']) : 'nowhere',
    emergency: endable(chance(random, 0.3) ? pick(random, EMERGENCY) : 'disabled', FLAGS[i % FLAGS.length] ?? FLAGS[0]),
    moving: chance(random, 0.05),
    gone: chance(random, 0.06) ? pick(random, ['released', 'ported']) : 'no',
  });
  const those = (which: (d: Dealt) => boolean): string[] => dealt.filter(which).map((d) => d.number);

  /** The rules: what may go although nobody looks. */
  const mayGo = (d: Dealt): boolean =>
    d.gone === 'no' &&
    !d.moving &&
    d.protectedAt === 'nowhere' &&
    (d.flags.includeLocked || !d.locked) &&
    (d.flags.includeEmergency || d.emergency === 'disabled');

  const h = useHarness(
    () => ({ simulator: { owned: CASES, numbers: 600 } }),
    async ({ sim, learnInventory }) => {
      const random = seededRandom(SEED);
      dealt.push(...sim.ownedNumbers().map((number, i) => deal(random, number, i)));
      // Known to the inventory only: the tag was there when it last looked.
      const once = those((d) => d.protectedAt === 'inventory');
      sim.setTags(once, [PROTECTED_TAG]);
      await learnInventory();
      sim.setTags(once, []);
      sim.setTags(
        those((d) => d.protectedAt === 'telnyx'),
        ['solar', PROTECTED_TAG],
      );
      sim.lock(those((d) => d.locked));
      for (const status of EMERGENCY)
        if (status !== 'disabled')
          sim.setEmergency(
            those((d) => d.emergency === status),
            status,
          );
      sim.setOwnedField(
        those((d) => d.moving),
        'status',
        'port-out-pending',
      );
      sim.portOut(those((d) => d.gone === 'ported'));
      sim.releaseInPortal(those((d) => d.gone === 'released'));
    },
  );

  const bought = new Set<string>();
  /** Numbers of a buy that is still open, because their tags are being set, in random states too. */
  const dealBought = async (): Promise<string> => {
    h().faults({ kind: 'job_hang', ms: 5_000, times: 4, match: { path: '/phone_numbers/jobs/update_phone_numbers' } });
    const lines = ['312', '646', '773', '872'].map((ndc) => ({ national_destination_code: ndc, quantity: BOUGHT / 4 }));
    const buy = await h().submit({ kind: 'buy', lines, assign: { tags: ['new'] } });
    await until('they are bought, and the buy is still open', async () =>
      (await h().items(buy)).every((item) => item.boughtAt !== null),
    );
    const numbers = (await h().items(buy)).flatMap((item) => item.phoneNumber ?? []);
    for (const n of numbers) bought.add(n);
    const random = seededRandom(SEED + 1);
    const more = numbers.map((number, i): Dealt => ({ ...deal(random, number, i), protectedAt: 'nowhere', gone: 'no' }));
    dealt.push(...more);
    h().sim.lock(more.filter((d) => d.locked).map((d) => d.number));
    for (const status of EMERGENCY) {
      const those = more.filter((d) => d.emergency === status).map((d) => d.number);
      if (status !== 'disabled') h().sim.setEmergency(those, status);
    }
    const moving = more.filter((d) => d.moving).map((d) => d.number);
    h().sim.setOwnedField(moving, 'status', 'port-out-pending');
    return buy;
  };

  const releasing = (numbers: string[], flags: Flags, expected = numbers.length) => ({
    kind: 'delete',
    phone_numbers: numbers,
    expected_count: expected,
    include_locked: flags.includeLocked,
    include_emergency: flags.includeEmergency,
  });
  const released = (): string[] =>
    h()
      .sim.ledger()
      .released.map((r) => r.phone_number);

  it(`${CASES} numbers in four requests, one for each pair of flags: exactly those go that the rules let go (seed ${SEED})`, async () => {
    const foreign = '+13125550188';
    const before = h().sim.ledger().calls.total;
    const refused = async (body: object): Promise<string> =>
      h()
        .submit(body)
        .then(
          () => 'accepted',
          (error: ProvisioningError) => error.code,
        );
    for (const flags of FLAGS) {
      const numbers = those((d) => d.flags === flags);
      expect(await refused(releasing(numbers, flags, numbers.length - 1))).toBe('expected_count_mismatch');
      expect(await refused(releasing(numbers, flags, numbers.length + 1))).toBe('expected_count_mismatch');
      expect(await refused(releasing([...numbers, foreign], flags))).toBe('not_in_inventory');
    }
    expect([h().sim.ledger().calls.total, await h().db.sql`select id from requests`]).toEqual([before, []]);

    const buy = await dealBought();
    const ids = await Promise.all(
      FLAGS.map((flags) =>
        h().submit(
          releasing(
            those((d) => d.flags === flags),
            flags,
          ),
        ),
      ),
    );
    const disabling = those((d) => d.emergency === 'deprovisioning');
    await until('the release waits for emergency services that are being disabled', async () =>
      (await Promise.all(ids.map((id) => h().chunks(id))))
        .flat()
        .some((c) => c.error === 'a deletion lock or emergency services are being removed'),
    );
    expect(released().filter((n) => disabling.includes(n))).toEqual([]);
    h().sim.setEmergency(
      those((d) => d.emergency === 'deprovisioning' && d.flags.includeEmergency && d.gone !== 'released'),
      'disabled',
    );
    for (const id of ids) {
      await h().ended(id, { withinMs: 40_000 });
      await expectAgreement(h(), id);
    }
    expect(released().sort()).toEqual(those(mayGo).sort());
    const end = Date.parse((await h().view(buy)).finished_at ?? '');
    const early = h()
      .sim.ledger()
      .released.filter((r) => bought.has(r.phone_number) && Date.parse(r.at) < end);
    expect(early, 'released while the buy that holds it was open').toEqual([]);
    expect(released().filter((n) => bought.has(n)).length).toBeGreaterThan(BOUGHT / 8);
    expect(
      h()
        .sim.ledger()
        .released.filter((r) => r.was_locked || r.was_emergency),
      'lock and services were lifted first',
    ).toEqual([]);
    h().sim.releaseInPortal(those((d) => d.gone === 'ported'));
    await expectInventory(h());
  });

  it('I4 numbers that an open buy holds stay until it has ended', async () => {
    h().faults({ kind: 'job_hang', ms: 1_500, times: 1, match: { path: '/phone_numbers/jobs/update_phone_numbers' } });
    const buy = await h().submit({
      kind: 'buy',
      lines: [{ national_destination_code: '312', quantity: 8 }],
      assign: { tags: ['new'] },
    });
    await until('they are bought, and the buy is still open', async () =>
      (await h().items(buy)).every((i) => i.boughtAt !== null),
    );
    const numbers = (await h().items(buy)).flatMap((i) => i.phoneNumber ?? []);
    const gone = await h().run(releasing(numbers, { includeLocked: false, includeEmergency: false }));
    expect(gone).toMatchObject({ status: 'succeeded', counts: { succeeded: 8 } });
    const end = (await h().view(buy)).finished_at ?? '';
    const times = h()
      .sim.ledger()
      .released.filter((r) => numbers.includes(r.phone_number))
      .map((r) => Date.parse(r.at));
    expect(times).toHaveLength(8);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(Date.parse(end));
    await expectAgreement(h(), gone.id);
  });
});
