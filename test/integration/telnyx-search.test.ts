import { describe, expect, it } from 'vitest';
import type { SearchCriteria } from '../../src/telnyx/gateway.ts';
import { type Answer, failure, json, N1, N2, refusal, row, telnyx, US } from '../support/telnyx-server.ts';

describe('a search', () => {
  async function found(rows: object[], criteria: Partial<SearchCriteria> = {}): Promise<string[]> {
    const { gateway } = await telnyx(json(200, { data: rows }));
    const result = await gateway.search({ ...US, ...criteria });
    expect(result.seen).toBe(rows.length);
    return result.offers.map((o) => o.phoneNumber);
  }

  it('says type, limit and best effort explicitly and names each feature by itself', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: [row(N1)] }));
    const { offers } = await gateway.search({
      ...US,
      features: ['sms', 'voice'],
      nationalDestinationCode: '312',
      endsWith: '01',
    });
    expect([...(hits[0]?.query ?? [])].sort()).toEqual([
      ['filter[best_effort]', 'false'],
      ['filter[country_code]', 'US'],
      ['filter[features][]', 'sms'],
      ['filter[features][]', 'voice'],
      ['filter[limit]', '10'],
      ['filter[national_destination_code]', '312'],
      ['filter[phone_number][ends_with]', '01'],
      ['filter[phone_number_type]', 'local'],
    ]);
    expect(offers).toEqual([{ phoneNumber: N1, upfrontCost: '1.00', monthlyCost: '1.10', currency: 'USD', bestEffort: false }]);
  });

  it('says what else was asked for, under the names of Telnyx, and leaves a city with a comma whole', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: [] }));
    await gateway.search({ ...US, rateCenter: 'CHICAGO', quickship: true, excludeHeld: true, locality: 'Washington, DC' });
    await gateway.search({ ...US, quickship: false, excludeHeld: false });
    const asked = ({ query }: (typeof hits)[number]) =>
      ['rate_center', 'quickship', 'exclude_held_numbers', 'locality'].map((name) => query.get(`filter[${name}]`));
    expect(hits.map(asked)).toEqual([
      ['CHICAGO', 'true', 'true', 'Washington, DC'],
      [null, null, null, null],
    ]);
  });

  it('drops a toll-free number that works late, and another rate center', async () => {
    const tollFree = { phoneNumberType: 'toll_free', quickship: true };
    const [late, quick, silent] = ['+18885550101', '+18885550102', '+18885550103'];
    const rows = [row(late, { quickship: false }), row(quick, { quickship: true }), row(silent)];
    expect(await found(rows, tollFree)).toEqual([quick, silent]);
    expect(await found(rows, { ...tollFree, bestEffort: true })).toEqual([quick, silent]);
    expect(await found(rows, { ...tollFree, quickship: false })).toEqual([late, quick, silent]);
    expect(await found([row(N1, { quickship: false })], { quickship: true }), 'it says nothing of local ones').toEqual([N1]);
    const inCenter = (region_name: string) => ({ region_information: [{ region_type: 'rate_center', region_name }] });
    expect(await found([row(N1, inCenter('chicago')), row(N2, inCenter('JOLIET'))], { rateCenter: 'CHICAGO' })).toEqual([N1]);
    expect(await found([row(N1)], { rateCenter: 'CHICAGO' }), 'not stated').toEqual([N1]);
  });

  it('drops masked numbers', async () => expect(await found([row('+1312555xxxx'), row(N1)])).toEqual([N1]));
  it('drops a wrong area code', async () =>
    expect(await found([row('+12125550100'), row(N1)], { nationalDestinationCode: '312' })).toEqual([N1]));
  it('drops another country', async () => expect(await found([row('+493512345678'), row(N1)])).toEqual([N1]));
  it('drops +1 numbers of other countries: Canada and Jamaica are not the US', async () => {
    expect(await found([row('+14165550100'), row('+18765550100'), row(N1)])).toEqual([N1]);
    expect(await found([row('+14165550100'), row(N1)], { countryCode: 'CA' })).toEqual(['+14165550100']);
    expect(await found([row('+14165550100', { best_effort: true })], { bestEffort: true })).toEqual([]);
  });
  it('believes the country that a row states, and drops one that states another', async () => {
    const stating = (region_name: string): object => ({ region_information: [{ region_type: 'country_code', region_name }] });
    expect(await found([row(N1, stating('CA')), row(N2, stating('us'))])).toEqual([N2]);
    // Neither a word that is no country code nor a code that the plan does not know contradicts.
    expect(await found([row(N1, stating('United States')), row('+18225550100')])).toEqual([N1, '+18225550100']);
  });
  it('drops other countries beyond +1 too', async () =>
    expect(await found([row('+493512345678'), row('+442071838750')], { countryCode: 'GB' })).toEqual(['+442071838750']));
  it('drops toll-free numbers in a search for local ones, and the other way round', async () => {
    const rows = [row('+18885550123'), row(N1)];
    expect(await found(rows)).toEqual([N1]);
    expect(await found(rows, { phoneNumberType: 'toll_free' })).toEqual(['+18885550123']);
    expect(await found(rows, { phoneNumberType: 'toll_free', countryCode: 'CA' })).toEqual(['+18885550123']);
  });
  it('drops near misses that nobody asked for', async () => expect(await found([row(N1, { best_effort: true })])).toEqual([]));
  it('keeps near misses on request', async () =>
    expect(
      await found([row('+17735550100', { best_effort: true })], { bestEffort: true, nationalDestinationCode: '312' }),
    ).toEqual(['+17735550100']));
  it('drops a number without a wanted feature', async () =>
    expect(await found([row(N1, { features: [{ name: 'sms' }] })], { features: ['voice'] })).toEqual([]));
  it('drops a number without a readable price', async () =>
    expect(
      await found([
        row(N1, { cost_information: { upfront_cost: 'free', monthly_cost: '1', currency: 'USD' } }),
        row(N2, { cost_information: null }),
      ]),
    ).toEqual([]));
  it('drops another state or city, whatever the case', async () => {
    expect(await found([row(N1)], { administrativeArea: 'il', locality: 'CHICAGO' })).toEqual([N1]);
    expect(await found([row(N1)], { administrativeArea: 'NY' })).toEqual([]);
    expect(await found([row(N1)], { locality: 'Joliet' })).toEqual([]);
  });
  it('keeps a number whose region is not stated or named otherwise', async () => {
    expect(await found([row(N1, { region_information: [] })], { administrativeArea: 'NY' })).toEqual([N1]);
    expect(await found([row(N1)], { administrativeArea: 'Illinois' })).toEqual([N1]);
  });
  it.each([
    [0, undefined, 1_000, false],
    [0, 900, 1_000, false],
    [49, undefined, 1_000, false],
    [49, 49, 1_000, false],
    [49, 50, 1_000, true],
    [50, undefined, 1_000, true],
    [50, 50, 1_000, true],
    [250, 7_000, 1_000, true],
    [9, undefined, 10, false],
    [10, undefined, 10, true],
  ])('%i rows of a total of %j, asked for with limit %i: more on sale is %j', async (rows, total_results, limit, more) => {
    const data = Array.from({ length: rows }, (_, i) => row(`+1312555${String(1_000 + i)}`));
    const { gateway } = await telnyx(json(200, { data, ...(total_results !== undefined && { meta: { total_results } }) }));
    expect(await gateway.search({ ...US, limit })).toMatchObject({ seen: rows, more });
  });
  it('drops digits that were not asked for, and doubles', async () => {
    expect(await found([row(N1), row(N2), row(N1)], { endsWith: '01' })).toEqual([N1]);
    expect(await found([row(N1)], { nationalDestinationCode: '312', startsWith: '777' })).toEqual([]);
  });
});

describe('a search that is refused', () => {
  const said = (code: string, detail: string, pointer = '', status = 400): Answer =>
    json(status, { errors: [{ code, title: 'Bad Request', detail, source: { pointer } }] });
  /** A search for nothing but country and type. */
  const isPlain = (query: URLSearchParams): boolean =>
    [...query.keys()].sort().join() === 'filter[country_code],filter[limit],filter[phone_number_type]';
  const limitsOf = (hits: { query: URLSearchParams }[]): number[] => hits.map(({ query }) => Number(query.get('filter[limit]')));
  const NARROW = { ...US, locality: 'Chicago', features: ['sms'] };
  const NONE = { offers: [], seen: 0, more: false };
  const many = (n: number): object[] => Array.from({ length: n }, (_, i) => row(`+1312555${String(1_000 + i)}`));

  it.each([
    'No numbers found for the filter; try best_effort',
    'There are no available phone numbers that match',
    'Phone numbers not found',
    'no results',
  ])('with 10031 and the words "%s" found nothing, without a second call', async (detail) => {
    const { gateway, hits } = await telnyx(said('10031', detail));
    expect(await gateway.search(NARROW)).toEqual(NONE);
    expect(hits).toHaveLength(1);
  });

  it('with 10031 and no such words found nothing when the plainest search works', async () => {
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      (isPlain(hit.query) ? json(200, { data: [row(N1)] }) : said('10031', 'Invalid filter'))(res, hit, nth),
    );
    expect(await gateway.search(NARROW)).toEqual(NONE);
    expect(limitsOf(hits)).toEqual([10, 1]);
    expect(hits[1]?.query.get('filter[country_code]')).toBe('US');
  });

  it('with 10031 also when the plainest search is refused is a bad search, told in the words of Telnyx', async () => {
    const { gateway, hits } = await telnyx(said('10031', 'Invalid value for filter[locality]', 'filter[locality]'));
    const refused = await failure(gateway.search(NARROW));
    expect(refused).toMatchObject({ code: 'invalid_request', disposition: 'rejected' });
    expect(refused.message).toContain('filter[locality]: 10031 - Bad Request - Invalid value for filter[locality]');
    expect(hits).toHaveLength(2);
  });

  it('with 10031, and a second look that learns nothing, is tried again later', async () => {
    const { gateway } = await telnyx((res, hit, nth) =>
      (isPlain(hit.query) ? refusal(503, '10037') : said('10031', 'Invalid filter'))(res, hit, nth),
    );
    expect((await failure(gateway.search(NARROW))).disposition).toBe('retry');
  });

  it.each(['10032', '10015', '10004'])('with %s is a refusal at once', async (code) => {
    const { gateway, hits } = await telnyx(refusal(422, code));
    expect(await failure(gateway.search(NARROW))).toMatchObject({ code: 'invalid_request', disposition: 'rejected' });
    expect(hits).toHaveLength(1);
  });

  const above = (most: number, no: Answer): Answer => {
    return (res, hit, nth) => {
      const limit = Number(hit.query.get('filter[limit]'));
      (limit > most ? no : json(200, { data: many(Math.min(limit, 2_000)) }))(res, hit, nth);
    };
  };

  it.each<[string, Answer]>([
    ['its words', said('10015', 'The limit must be at most 250', '', 422)],
    ['its pointer', refusal(422, '10015', '/filter/limit')],
    ['a parameter under 10031', refusal(400, '10031', 'filter[limit]')],
  ])('for its limit by %s is asked again with the half, which is remembered', async (_what, no) => {
    const { gateway, hits } = await telnyx(above(250, no));
    expect(await gateway.search({ ...US, limit: 1_000 })).toMatchObject({ seen: 250, more: true });
    expect(limitsOf(hits)).toEqual([1_000, 500, 250]);
    expect((await gateway.search({ ...US, limit: 900 })).seen).toBe(250);
    expect((await gateway.search({ ...US, limit: 7 })).seen).toBe(7);
    expect(limitsOf(hits).slice(3)).toEqual([250, 7]);
  });

  it.each(['10031', '10015'])('for its limit with a bare %s is found out by a smaller search, once', async (code) => {
    const { gateway, hits } = await telnyx(above(500, refusal(400, code)));
    expect(await gateway.search({ ...US, limit: 1_000 })).toMatchObject({ seen: 500, more: true });
    expect(limitsOf(hits)).toEqual([1_000, 20, 500]);
    expect((await gateway.search({ ...US, limit: 1_000 })).seen).toBe(500);
    expect(limitsOf(hits).slice(3)).toEqual([500]);
  });

  it('for its limit says that others may hide behind an answer as long as the limit that was accepted', async () => {
    const { gateway, hits } = await telnyx(above(40, refusal(422, '10015', 'filter[limit]')));
    expect(await gateway.search({ ...US, limit: 100 })).toMatchObject({ seen: 25, more: true });
    expect(limitsOf(hits)).toEqual([100, 50, 25]);
  });

  it.each(['10015', '10031'])('for every limit (%s) ends as a refusal, and the limit never falls below 20', async (code) => {
    const { gateway, hits } = await telnyx(above(10, refusal(422, code, 'filter[limit]')));
    expect((await failure(gateway.search({ ...US, limit: 1_000 }))).disposition).toBe('rejected');
    expect(limitsOf(hits)).toEqual([1_000, 500, 250, 125, 62, 31, 20]);
    await failure(gateway.search({ ...US, limit: 1_000 }));
    expect(limitsOf(hits).slice(7)).toEqual([20]);
  });

  it('after a limit as large was accepted is no reason to doubt the limit', async () => {
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      (nth === 1 || isPlain(hit.query) ? json(200, { data: [row(N1)] }) : refusal(400, '10031'))(res, hit, nth),
    );
    await gateway.search({ ...US, limit: 1_000 });
    expect(await gateway.search({ ...NARROW, limit: 1_000 })).toEqual(NONE);
    expect(limitsOf(hits)).toEqual([1_000, 1_000, 1]);
  });

  it('with a large limit and nothing found costs two calls more', async () => {
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      (isPlain(hit.query) ? json(200, { data: [row(N1)] }) : refusal(400, '10031'))(res, hit, nth),
    );
    expect(await gateway.search({ ...NARROW, limit: 1_000 })).toEqual(NONE);
    expect(limitsOf(hits)).toEqual([1_000, 20, 1]);
  });
});
