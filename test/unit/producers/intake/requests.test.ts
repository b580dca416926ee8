import { array, assert, constantFrom, integer, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProvisioningError } from '../../../../src/domain/errors.ts';
import { rungs } from '../../../../src/processors/lines/from-search.ts';
import { chunkJob } from '../../../../src/producers/enqueue.ts';
import { buySteps, lineCriteria, updateSteps, worstCaseCost } from '../../../../src/producers/intake/plan.ts';
import type { BuyBody, UpdateBody } from '../../../../src/producers/intake/request-shapes.ts';
import { isNanpAreaCode, parseRequest, phoneNumberProblem, problemByPlan } from '../../../../src/producers/intake/validate.ts';
import { moneyText } from '../../../../src/producers/read/views.ts';

const NUMBER = '+13125550100';

/** The paths of everything that is wrong with a body. */
function problemsOf(body: unknown): string[] {
  try {
    parseRequest(body);
    return [];
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    expect([error.code, error.disposition]).toEqual(['validation_failed', 'rejected']);
    return error.details.map((d) => d.path);
  }
}

describe('a request body', () => {
  it.each([
    [{ kind: 'buy', lines: [{ quantity: 0 }] }, ['lines.0.quantity']],
    [{ kind: 'buy', lines: [{ quantity: 1, national_destination_code: '311' }] }, ['lines.0.national_destination_code']],
    [{ kind: 'buy', lines: [{ quantity: 1, country_code: 'XX' }] }, ['lines.0.country_code']],
    [{ kind: 'buy', lines: [{ quantity: 1, administrative_area: 'ZZ' }] }, ['lines.0.administrative_area']],
    [
      { kind: 'buy', lines: [{ quantity: 1, fallback: { national_destination_codes: ['773', '000'] } }] },
      ['lines.0.fallback.national_destination_codes.1'],
    ],
    [{ kind: 'buy', lines: [{ quantity: 1, country_code: 'GB', rate_center: 'LONDON' }] }, ['lines.0.rate_center']],
    [{ kind: 'buy', lines: [{ quantity: 1, phone_number_type: 'toll_free', rate_center: 'X' }] }, ['lines.0.rate_center']],
    [{ kind: 'buy', lines: [{ quantity: 1, rate_center: '' }] }, ['lines.0.rate_center']],
    [{ kind: 'buy', lines: [{ quantity: 1, quickship: 'yes' }] }, ['lines.0.quickship']],
    [{ kind: 'buy', lines: [{ quantity: 1, max_number_cost: '1,00' }] }, ['lines.0.max_number_cost']],
    [{ kind: 'buy', lines: [{ quantity: 1 }], assign: { tags: ['a:b'] } }, ['assign.tags.0']],
    [{ kind: 'buy', lines: [{ quantity: 1 }], asign: {} }, ['asign']],
    [{ kind: 'buy' }, ['lines']],
    [{ kind: 'update', phone_numbers: [NUMBER], set: {} }, ['set']],
    [{ kind: 'update', phone_numbers: [NUMBER], set: { tags: ['a'], add_tags: ['b'] } }, ['set.tags']],
    [{ kind: 'update', phone_numbers: [NUMBER], where: { tag: 'x' }, set: { tags: [] } }, ['phone_numbers']],
    [{ kind: 'update', set: { tags: [] } }, ['phone_numbers']],
    [{ kind: 'update', where: {}, set: { tags: [] } }, ['where']],
    [
      {
        kind: 'update',
        phone_numbers: [NUMBER],
        set: { voice: { cnam_listing: { cnam_listing_details: 'far too long a name' } } },
      },
      ['set.voice.cnam_listing.cnam_listing_details'],
    ],
    [{ kind: 'delete', phone_numbers: [NUMBER] }, ['expected_count']],
    [{ kind: 'sell' }, ['kind']],
  ] as [unknown, string[]][])('%j is refused at %j', (body, paths) => expect(problemsOf(body)).toEqual(paths));

  it('all problems are listed at once, those of the numbers too', () => {
    const body = { kind: 'buy', lines: [{ quantity: 1, country_code: 'XX' }], phone_numbers: ['nonsense', NUMBER, NUMBER] };
    expect(problemsOf(body)).toEqual(['lines.0.country_code', 'phone_numbers.0', 'phone_numbers.2']);
  });

  it('what is left out gets its default', () => {
    expect(parseRequest({ kind: 'buy', lines: [{ quantity: 2 }] })).toMatchObject({
      lines: [{ country_code: 'US', phone_number_type: 'local', features: [], quantity: 2 }],
      phone_numbers: [],
      assign: {},
      reserve: false,
    });
    expect(parseRequest({ kind: 'delete', phone_numbers: [NUMBER], expected_count: 1 })).toMatchObject({
      include_locked: false,
      include_emergency: false,
    });
  });

  it('knows area codes and numbers of the numbering plan', () => {
    expect(['312', '646', '888', '800', '416'].map(isNanpAreaCode)).toEqual([true, true, true, true, true]);
    expect(['311', '012', '31', '3120', '199'].map(isNanpAreaCode)).toEqual([false, false, false, false, false]);
    expect(phoneNumberProblem(NUMBER)).toBeNull();
    expect(phoneNumberProblem('+1312555010')).toContain('length');
    expect(phoneNumberProblem('312 555 0100')).toContain('E.164');
  });

  it('says the same of a number by its shape alone as libphonenumber says', async () => {
    const digits = (n: number) => array(integer({ min: 0, max: 9 }), { minLength: n, maxLength: n }).map((d) => d.join(''));
    const written = tuple(
      constantFrom('+1', '+1', '+1', '+', '1', '+44', '+49'),
      integer({ min: 6, max: 12 })
        .chain((n) => constantFrom(10, 10, n))
        .chain(digits),
    ).map((parts) => parts.join(''));
    const same = (n: string) => {
      expect([n, phoneNumberProblem(n)]).toEqual([n, problemByPlan(n)]);
    };
    await assert(property(written, same), { numRuns: 2_000 });
    for (let code = 0; code < 1_000; code += 1) same(`+1${String(code).padStart(3, '0')}5550100`);
  });
});

describe('the steps of a request', () => {
  const buy = (assign: BuyBody['assign'], more: Partial<BuyBody> = {}) =>
    parseRequest({ kind: 'buy', lines: [{ quantity: 1 }], assign, ...more }) as BuyBody;
  const update = (set: UpdateBody['set']) =>
    updateSteps((parseRequest({ kind: 'update', phone_numbers: [NUMBER], set }) as UpdateBody).set);
  const profile = '3fa85f64-5717-4562-b3fc-2c963f66afa6';

  it('an order carries what it can, an update what it cannot', () => {
    const steps = buySteps(buy({ connection_id: '7', messaging_profile_id: profile, tags: ['a'] }), undefined);
    expect(steps).toEqual([
      { kind: 'order', settings: { connection_id: '7', messaging_profile_id: profile } },
      { kind: 'update', settings: { tags: ['a'] } },
    ]);
    expect(buySteps(buy({}), 'group')).toEqual([{ kind: 'order', settings: { requirement_group_id: 'group' } }]);
  });

  it('an update uses one call of each kind that it needs, and no other', () => {
    expect(update({ connection_id: '7' }).map((s) => s.kind)).toEqual(['update']);
    expect(update({ messaging_profile_id: '' })).toEqual([{ kind: 'messaging', messaging_profile_id: '' }]);
    expect(update({ emergency_address_id: null })).toEqual([
      { kind: 'emergency', emergency_enabled: false, emergency_address_id: null },
    ]);
    expect(update({ add_tags: ['a'] })).toEqual([{ kind: 'update', settings: {}, tags: { add: ['a'], remove: [] } }]);
    expect(
      update({ hd_voice_enabled: false, messaging_profile_id: profile, emergency_address_id: '1' }).map((s) => s.kind),
    ).toEqual(['update', 'messaging', 'emergency']);
  });

  it('the price cap of a line is its own, else that of the body, else the configured one', () => {
    const body = { ...buy({}), max_number_cost: '3.00' };
    const [line] = body.lines;
    if (line === undefined) throw new Error('no line');
    expect(lineCriteria({ ...line, max_number_cost: '2.00' }, body, '5.00').max_number_cost).toBe('2.00');
    expect(lineCriteria(line, body, '5.00').max_number_cost).toBe('3.00');
    expect(lineCriteria(line, { ...body, max_number_cost: undefined }, '5.00').max_number_cost).toBe('5.00');
  });

  it('toll-free numbers of the US must work at once unless the line says otherwise; each rung of the ladder asks for it', () => {
    const criteriaOf = (line: object) => {
      const body = parseRequest({ kind: 'buy', lines: [{ quantity: 1, ...line }] }) as BuyBody;
      const criteria = body.lines[0] && lineCriteria(body.lines[0], body, '5.00');
      if (criteria?.kind !== 'search') throw new Error('no search');
      return criteria;
    };
    const quickship = (line: object) => criteriaOf(line).quickship;
    const tollFree = { phone_number_type: 'toll_free' };
    expect(quickship(tollFree)).toBe(true);
    expect(quickship({ ...tollFree, quickship: false })).toBe(false);
    expect([quickship({}), quickship({ ...tollFree, country_code: 'CA' })]).toEqual([undefined, undefined]);
    expect(quickship({ ...tollFree, country_code: 'CA', quickship: true })).toBe(true);
    const ladder = rungs(
      criteriaOf({
        national_destination_code: '312',
        rate_center: 'CHICAGO',
        exclude_held_numbers: true,
        fallback: { national_destination_codes: ['773'], best_effort: true },
      }),
    );
    expect(ladder.map((r) => [r.nationalDestinationCode, r.rateCenter, r.excludeHeld, r.bestEffort])).toEqual([
      ['312', 'CHICAGO', true, false],
      ['773', undefined, true, false],
      ['312', 'CHICAGO', true, true],
    ]);
  });

  it('I5 the worst case counts every number at its cap, but never more than the budgets', () => {
    const body = parseRequest({ kind: 'buy', lines: [{ quantity: 10, max_number_cost: '2.00' }, { quantity: 5 }] }) as BuyBody;
    expect(worstCaseCost(body, 0, '4.00')).toBe('80.00');
    expect(worstCaseCost(body, 10, '4.00')).toBe('160.00');
    expect(worstCaseCost({ ...body, max_upfront_cost: '15.00' }, 0, '4.00')).toBe('55.00');
  });
});

describe('views and jobs', () => {
  it('money has at least two decimals', () => {
    expect([moneyText('1.000000'), moneyText('0.005500'), moneyText(null)]).toEqual(['1.00', '0.0055', null]);
  });

  it('I11 a job carries ids only, and a new id after each requeue', () => {
    const chunk = {
      id: 'chk_1',
      requestId: 'req_1',
      kind: 'order' as const,
      requeues: 2,
      position: 3,
      state: 'planned' as const,
    };
    expect(chunkJob(chunk)).toEqual({
      name: 'order.run',
      payload: { chunkId: 'chk_1', requestId: 'req_1' },
      id: 'chk_1-2',
      delayMs: 0,
      priority: 4,
    });
    expect(chunkJob({ ...chunk, kind: 'delete', state: 'submitted' })).toMatchObject({ name: 'batch.run', priority: 1 });
  });
});
