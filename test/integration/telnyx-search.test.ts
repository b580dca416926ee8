import { describe, expect, it } from 'vitest';
import type { SearchCriteria } from '../../src/telnyx/gateway.ts';
import { failure, json, N1, N2, refusal, row, telnyx, US } from '../support/telnyx-server.ts';

describe('a search', () => {
  async function found(rows: object[], criteria: Partial<SearchCriteria> = {}): Promise<string[]> {
    const { gateway } = await telnyx(json(200, { data: rows }));
    const result = await gateway.search({ ...US, ...criteria });
    expect(result.seen).toBe(rows.length);
    return result.offers.map((o) => o.phoneNumber);
  }

  it('says type, limit and best effort explicitly and joins the features', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: [row(N1)] }));
    const { offers } = await gateway.search({
      ...US,
      features: ['sms', 'voice'],
      nationalDestinationCode: '312',
      endsWith: '01',
    });
    expect(Object.fromEntries(hits[0]?.query ?? [])).toEqual({
      'filter[country_code]': 'US',
      'filter[phone_number_type]': 'local',
      'filter[limit]': '10',
      'filter[best_effort]': 'false',
      'filter[features]': 'sms,voice',
      'filter[national_destination_code]': '312',
      'filter[phone_number][ends_with]': '01',
    });
    expect(offers).toEqual([{ phoneNumber: N1, upfrontCost: '1.00', monthlyCost: '1.10', currency: 'USD', bestEffort: false }]);
  });

  it('reads 400 with 10031 as nothing found, and any other refusal as one', async () => {
    const { gateway } = await telnyx((res, hit, nth) => refusal(400, nth === 1 ? '10031' : '10032')(res, hit, nth));
    expect(await gateway.search(US)).toEqual({ offers: [], seen: 0, more: false });
    expect((await failure(gateway.search(US))).code).toBe('invalid_request');
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
