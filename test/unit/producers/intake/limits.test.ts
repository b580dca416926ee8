import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../../../src/producers/intake/filter-shapes.ts';
import { lineCriteria } from '../../../../src/producers/intake/plan.ts';
import { parseRequest } from '../../../../src/producers/intake/validate.ts';
import { wideNote } from '../../../../src/producers/intake/wide-filter.ts';
import { problemsOf } from '../../../support/cli-runs.ts';

const problems = (body: unknown) => problemsOf(() => parseRequest(body));
const update = (where: unknown) => ({ kind: 'update', where, set: { tags: [] } });
const buying = (line: object) => ({ kind: 'buy', lines: [{ quantity: 1, ...line }] });
const fallback = (codes: unknown[]) => buying({ fallback: { national_destination_codes: codes } });
const UUID = '3fa85f64-5717-4562-b3fc-2c963f66afa6';

/** What `act` takes, in milliseconds. */
async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

describe('where never matches by pattern', () => {
  const patterns: [string, string][] = [
    ['national_destination_code', '%'],
    ['national_destination_code', '3_2'],
    ['national_destination_code', '31'],
    ['national_destination_code', '3125'],
    ['connection_id', '%'],
    ['connection_id', '1 or 1=1'],
    ['billing_group_id', '%'],
    ['messaging_profile_id', '*'],
    ['country_code', 'U%'],
    ['country_code', 'USA'],
    ['phone_number_type', '%'],
    ['status', '%'],
    ['status', 'activ'],
    ['bought_by', '%'],
    ['bought_by', 'req_%'],
    ['tag', ''],
    ['tag', 'a\0'],
    ['customer_reference', '\ud800'],
    ['tag', 'x'.repeat(201)],
  ];

  it.each(patterns)('%s=%s is refused by its shape in a body and in a filter', async (field, value) => {
    expect((await problems(update({ [field]: value }))).map((p) => p.path)).toEqual([`where.${field}`]);
    expect((await problems({ kind: 'delete', where: { [field]: value }, expected_count: 1 })).map((p) => p.path)).toEqual([
      `where.${field}`,
    ]);
    const told = await problemsOf(() => parseFilter({ [field]: value }, (f) => `--where ${f}`));
    expect(told.map((p) => p.path)).toEqual([`--where ${field}`]);
  });

  it('every field takes a value of its shape', () => {
    const where = {
      tag: 'old tag: 50 %',
      connection_id: '1293384261075731499',
      billing_group_id: UUID,
      messaging_profile_id: UUID,
      customer_reference: '%',
      country_code: 'US',
      phone_number_type: 'toll_free',
      status: 'port-pending',
      national_destination_code: '312',
      bought_by: 'req_0198f0a4c2d17b3c9e5d6f7a8b9c0d1e',
    };
    expect(parseRequest(update(where))).toMatchObject({ where });
    expect(parseFilter({ ...where, state: 'released' }, String)).toEqual({ ...where, state: 'released' });
  });

  it('a condition without a value is not taken for no condition', async () => {
    expect(await problems(update({ tag: undefined, connection_id: '7' }))).toEqual([
      { path: 'where.tag', message: 'has no value' },
    ]);
    expect(await problems(update({ tag: undefined }))).toEqual([{ path: 'where.tag', message: 'has no value' }]);
  });

  it('a filter that matches more than half of the inventory and more than 100 numbers says so', () => {
    expect(wideNote({ matched: 3_003, of: 3_003 })).toBe(
      'the filter matches 3,003 of the 3,003 numbers that we own: all of them',
    );
    expect(wideNote({ matched: 101, of: 201 })).toBe('the filter matches 101 of the 201 numbers that we own');
    expect([wideNote({ matched: 100, of: 100 }), wideNote({ matched: 500, of: 1_000 })]).toEqual([null, null]);
  });
});

describe('everything is bounded', () => {
  it('what is far too large is refused by its size alone, before any of it is checked', async () => {
    const codes = Array.from({ length: 400_000 }, () => '312');
    const bodies: [object, string][] = [
      [fallback(codes), 'lines.0.fallback.national_destination_codes'],
      [{ kind: 'buy', lines: codes.map(() => ({ quantity: 1 })) }, 'lines'],
      [buying({ features: codes }), 'lines.0.features'],
      [{ kind: 'buy', assign: { tags: codes } }, 'assign.tags'],
      [{ kind: 'update', phone_numbers: codes.map(() => 7), set: { tags: [] } }, 'phone_numbers'],
      [{ kind: 'update', phone_numbers: [], set: Object.fromEntries(codes.map((_, i) => [`k${i}`, 1])) }, 'set'],
      [{ kind: 'buy', label: 'x'.repeat(10_000_000) }, 'label'],
      [{ kind: 'update', rows: codes.map(() => ({})) }, 'rows'],
      [{ kind: 'update', rows: [{}, { phone_number: '+13125550100', set: { tags: codes } }] }, 'rows.1.set.tags'],
    ];
    for (const [body, path] of bodies) {
      let told: { path: string }[] = [];
      const ms = await timed(async () => {
        told = await problems(body);
      });
      expect(told.map((p) => p.path)).toEqual([path]);
      // Checked one by one, the codes took 17 s. A busy machine is slow too.
      expect(ms).toBeLessThan(10_000);
    }
  });

  it('the largest body that is taken for checking is refused within seconds', async () => {
    const line = { quantity: 1, fallback: { national_destination_codes: Array.from({ length: 50 }, () => '31a') } };
    expect(await timed(() => problems({ kind: 'buy', lines: Array.from({ length: 500 }, () => line) }))).toBeLessThan(5_000);
    const thin = { kind: 'buy', lines: Array.from({ length: 500 }, () => ({ a: Array.from({ length: 400 }, () => ({})) })) };
    expect((await problems(thin)).map((p) => p.message)).toEqual(['the body has more than 50,000 values']);
  });

  it('nesting is refused at its depth, also of a value that holds itself', async () => {
    let deep: unknown = 'x';
    for (let i = 0; i < 100_000; i += 1) deep = { voice: deep };
    const round: Record<string, unknown> = {};
    round['voice'] = round;
    for (const set of [deep, round])
      expect((await problems({ kind: 'update', phone_numbers: ['+13125550100'], set }))[0]?.message).toBe(
        'is nested deeper than 8 levels',
      );
    expect((await problems(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)))[0]?.message).toBe(
      'is nested deeper than 8 levels',
    );
  });

  it('51 codes to fall back to, 9 features, and 51 tags are too many; 50, 8 and 50 are not', async () => {
    const codes = (n: number) => Array.from({ length: n }, () => '773');
    const tags = (n: number) => Array.from({ length: n }, (_, i) => `t${i}`);
    const features = (n: number) => Array.from({ length: n }, () => 'sms');
    for (const [body, path] of [
      [fallback(codes(51)), 'lines.0.fallback.national_destination_codes'],
      [buying({ features: features(9) }), 'lines.0.features'],
      [{ ...buying({}), assign: { tags: tags(51) } }, 'assign.tags'],
    ] as const)
      expect((await problems(body)).map((p) => p.path)).toEqual([path]);
    expect(parseRequest({ ...fallback(codes(50)), assign: { tags: tags(50) } })).toMatchObject({ kind: 'buy' });
  });

  it('repeated codes and features are searched once, and never the code of the line itself', () => {
    const body = parseRequest({
      kind: 'buy',
      lines: [
        {
          quantity: 1,
          national_destination_code: '312',
          features: ['sms', 'voice', 'sms'],
          fallback: { national_destination_codes: ['773', '312', '773', '872'] },
        },
      ],
    });
    if (body.kind !== 'buy' || body.lines[0] === undefined) throw new Error('not a buy');
    expect(lineCriteria(body.lines[0], body, '5.00')).toMatchObject({
      fallback_ndcs: ['773', '872'],
      features: ['sms', 'voice'],
    });
  });

  it('a buy asks for 100,000 numbers at most, over all lines and its list', async () => {
    const lines = (n: number) => Array.from({ length: n }, () => ({ quantity: 10_000 }));
    expect(parseRequest({ kind: 'buy', lines: lines(10) })).toMatchObject({ kind: 'buy' });
    const message = expect.stringContaining('100,000 numbers at most');
    expect(await problems({ kind: 'buy', lines: lines(11) })).toEqual([{ path: 'lines', message }]);
    expect(await problems({ kind: 'buy', lines: lines(10), phone_numbers: ['+13125550100'] })).toEqual([
      { path: 'lines', message },
    ]);
  });

  it('money has as many digits as the database holds', async () => {
    for (const amount of ['100000000', '1.0000001', '9'.repeat(1_900)])
      expect((await problems({ ...buying({}), max_upfront_cost: amount })).map((p) => p.path)).toEqual(['max_upfront_cost']);
    expect(parseRequest({ ...buying({}), max_upfront_cost: '99999999.999999' })).toMatchObject({ kind: 'buy' });
  });

  it('a hundred problems are told, then how many more', async () => {
    const told = await problems({ kind: 'buy', lines: Array.from({ length: 400 }, () => ({ quantity: 0 })) });
    expect([told.length, told.at(-1)?.message]).toEqual([101, 'and 300 more']);
  });
});

describe('labels, references and names of places are text that people can read', () => {
  it.each(['a\u202eb', 'a\nb', 'a\tb', '\u001b[31m', 'a\0', '\udfff'])('%j is refused in each', async (text) => {
    expect((await problems({ ...buying({ locality: text, rate_center: text }), label: text })).map((p) => p.path).sort()).toEqual(
      ['label', 'lines.0.locality', 'lines.0.rate_center'],
    );
    const set = { customer_reference: text, external_pin: text, add_tags: [text], emergency_address_id: `1${text}` };
    const paths = (await problems({ kind: 'update', phone_numbers: ['+13125550100'], label: text, set })).map((p) => p.path);
    expect(paths).toEqual(expect.arrayContaining(['label', 'set.customer_reference', 'set.external_pin', 'set.add_tags.0']));
  });
});
