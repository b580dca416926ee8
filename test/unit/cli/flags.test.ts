import { describe, expect, it } from 'vitest';
import { resolutionOf } from '../../../src/cli/actions/act.ts';
import { parseDuration } from '../../../src/cli/duration.ts';
import { parseWhere } from '../../../src/cli/flag-values.ts';
import { type BuyFlags, buyBody, deleteBody, updateBody } from '../../../src/cli/flags.ts';
import { parseSettings } from '../../../src/cli/settings.ts';
import { problemsOf } from '../../support/cli-runs.ts';

const buy = (flags: Partial<BuyFlags>) =>
  buyBody({ ndc: [], state: [], city: [], feature: [], tag: [], country: 'US', fallback: 'none', ...flags });

describe('buy flags', () => {
  it('become lines in the order ndc, state, city, toll-free', () => {
    const body = buy({
      ndc: ['312=200', '773=3'],
      state: ['tx=50'],
      city: ['Chicago,IL=20', 'Winston-Salem=2'],
      tollFree: '5',
      feature: ['sms,voice'],
    });
    expect(body).toMatchObject({
      kind: 'buy',
      lines: [
        {
          national_destination_code: '312',
          quantity: 200,
          features: ['sms', 'voice'],
          country_code: 'US',
          phone_number_type: 'local',
        },
        { national_destination_code: '773', quantity: 3 },
        { administrative_area: 'TX', quantity: 50 },
        { locality: 'Chicago', administrative_area: 'IL', quantity: 20 },
        { locality: 'Winston-Salem', quantity: 2 },
        { phone_number_type: 'toll_free', quantity: 5 },
      ],
    });
  });

  it('carry what is attached, budgets and the fallback', () => {
    const body = buy({
      ndc: ['312=1'],
      fallback: 'ndc:773,872',
      connectionId: '123',
      messagingProfileId: '3fa85f64-5717-4562-b3fc-2c963f66afa6',
      tag: ['solar', 'a,b'],
      maxUpfront: '250',
      maxMonthly: '99.50',
      maxNumberCost: '2.00',
      reserve: true,
      label: 'Launch',
    });
    expect(body).toMatchObject({
      label: 'Launch',
      lines: [{ fallback: { national_destination_codes: ['773', '872'], best_effort: false } }],
      assign: { connection_id: '123', messaging_profile_id: '3fa85f64-5717-4562-b3fc-2c963f66afa6', tags: ['solar', 'a', 'b'] },
      max_upfront_cost: '250',
      max_monthly_cost: '99.50',
      max_number_cost: '2.00',
      reserve: true,
    });
    expect(buy({ ndc: ['312=1'], fallback: 'best-effort' })).toMatchObject({ lines: [{ fallback: { best_effort: true } }] });
    expect(buy({ ndc: ['312=1'] })).not.toHaveProperty('lines.0.fallback.best_effort');
  });

  it('hold back what is sent, and name what cannot be read', async () => {
    const held = buy({
      ndc: ['312=30'],
      startAt: '2026-12-01T06:00:00Z',
      canary: '20',
      stopAbove: '5%',
    });
    expect(held).toMatchObject({ start_at: '2026-12-01T06:00:00Z', canary: 20, stop_above: 5 });
    expect(buy({ ndc: ['312=30'], stopAbove: '2.5', allOrNothing: true })).toMatchObject({
      stop_above: 2.5,
      all_or_nothing: true,
    });
    const wrong = { ndc: ['312=30'], startAt: 'tomorrow', canary: 'some', stopAbove: 'half' };
    const paths = (await problemsOf(() => buy(wrong))).map((p) => p.path);
    expect(paths.sort()).toEqual(['--canary', '--start-at', '--stop-above']);
    const both = { ndc: ['312=30'], canary: '5', allOrNothing: true };
    expect(await problemsOf(() => buy(both))).toMatchObject([
      { path: '--canary', message: expect.stringContaining('all_or_nothing') },
    ]);
  });

  it('lists every wrong flag at once, in the words of the command line', async () => {
    const problems = await problemsOf(() => buy({ ndc: ['312', '=5', '312=x'], tollFree: 'five', fallback: 'maybe' }));
    expect(problems.map((p) => p.path).sort()).toEqual([
      '--fallback maybe',
      '--ndc 312',
      '--ndc 312=x',
      '--ndc =5',
      '--toll-free five',
    ]);
  });

  it('tells flags that cannot be read together with those that are refused', async () => {
    const problems = await problemsOf(() =>
      buy({ ndc: ['312', '311=1', '888=1'], state: ['TX=0'], tag: ['a:b'], maxUpfront: '-1', requirementGroupId: 'group' }),
    );
    expect(problems.map((p) => p.path).sort()).toEqual([
      '--max-upfront',
      '--ndc 311=1',
      '--ndc 312',
      '--ndc 888=1',
      '--requirement-group-id',
      '--state TX=0',
      '--tag',
    ]);
    expect(await problemsOf(() => buy({ ndc: ['312'] })), 'nothing is said of lines that are missing for it').toHaveLength(1);
    const update = await problemsOf(() => updateBody({ where: ['tag'], set: ['colour=red', 'add_tags=a:b'] }));
    expect(update.map((p) => p.path).sort()).toEqual(['--set add_tags.0', '--set colour=red', '--where tag']);
    const release = await problemsOf(() => deleteBody({ where: ['colour=red'], expect: 'all' }));
    expect(release.map((p) => p.path).sort()).toEqual(['--expect', '--where colour']);
  });

  it('a rate center goes to lines with an area, held numbers and quickship to all lines', async () => {
    const body = buy({ ndc: ['312=1'], tollFree: '2', rateCenter: 'CHICAGO', excludeHeld: true, quickship: false });
    expect(body).toMatchObject({
      lines: [
        { rate_center: 'CHICAGO', exclude_held_numbers: true, quickship: false },
        { phone_number_type: 'toll_free', exclude_held_numbers: true, quickship: false },
      ],
    });
    expect(body).not.toHaveProperty('lines.1.rate_center');
    for (const field of ['rate_center', 'exclude_held_numbers', 'quickship'])
      expect(buy({ ndc: ['312=1'] }), 'not asked for').not.toHaveProperty(`lines.0.${field}`);
    expect(await problemsOf(() => buy({ tollFree: '2', rateCenter: 'CHICAGO' }))).toMatchObject([{ path: '--rate-center' }]);
    const listed = await problemsOf(() => buy({ numbers: '-', rateCenter: 'CHICAGO', excludeHeld: true, quickship: true }));
    expect(listed.map((p) => p.path)).toEqual(['--rate-center', '--exclude-held', '--quickship']);
    const abroad = await problemsOf(() => buy({ city: ['London=1'], country: 'GB', rateCenter: 'LONDON' }));
    expect(abroad.map((p) => p.path)).toEqual(['--rate-center']);
  });

  it('a requirement group holds for all lines and the list', () => {
    const requirementGroupId = '3fa85f64-5717-4562-b3fc-2c963f66afa6';
    expect(buy({ ndc: ['312=1'], numbers: '-', requirementGroupId })).toMatchObject({ requirement_group_id: requirementGroupId });
  });

  it('names the flag of a line that the body check refuses', async () => {
    const problems = await problemsOf(() => buy({ ndc: ['312=1', '000=5'], state: ['ZZ=1'], tag: ['a:b'], maxUpfront: 'much' }));
    expect(problems.map((p) => p.path)).toEqual(expect.arrayContaining(['--tag', '--max-upfront']));
    const lines = await problemsOf(() => buy({ ndc: ['312=1', '000=5'], state: ['ZZ=1'] }));
    expect(lines.map((p) => p.path)).toEqual(['--ndc 000=5', '--state ZZ=1']);
    expect(await problemsOf(() => buy({ ndc: ['312=0'] }))).toMatchObject([{ path: '--ndc 312=0' }]);
  });

  it('needs something to buy; a file is enough', async () => {
    expect(await problemsOf(() => buy({}))).toMatchObject([{ path: expect.stringContaining('--ndc') }]);
    expect(buy({ numbers: '-' })).toMatchObject({ lines: [] });
  });
});

describe('update and delete flags', () => {
  it('take either a file or a filter', async () => {
    expect(updateBody({ where: ['tag=solar', 'connection_id=1'], set: ['connection_id=2'] })).toMatchObject({
      where: { tag: 'solar', connection_id: '1' },
    });
    expect(updateBody({ where: [], numbers: 'x.csv', set: ['connection_id=2'] })).not.toHaveProperty('where');
    expect(await problemsOf(() => updateBody({ where: [], set: ['connection_id=2'] }))).toMatchObject([
      { path: '--numbers or --where' },
    ]);
    expect(await problemsOf(() => updateBody({ where: ['tag=a'], numbers: 'x.csv', set: ['connection_id=2'] }))).toHaveLength(1);
    expect(await problemsOf(() => parseWhere(['tag', 'tag=a', 'tag=b', '=x']))).toHaveLength(3);
  });

  it('need the expected count of a delete', async () => {
    expect(deleteBody({ where: ['tag=old'], expect: '300', includeLocked: true })).toMatchObject({
      expected_count: 300,
      include_locked: true,
      include_emergency: false,
    });
    for (const wrong of ['0', '-1', '1.5', 'all', ''])
      expect(await problemsOf(() => deleteBody({ where: ['tag=old'], expect: wrong }))).toMatchObject([{ path: '--expect' }]);
  });
});

describe('--set', () => {
  it('keeps ids as text, splits tags, reads booleans', () => {
    expect(
      parseSettings([
        'connection_id=1293384261075731499',
        'add_tags=a, b',
        'tags=',
        'deletion_lock_enabled=false',
        'emergency_address_id=null',
        'customer_reference=a=b',
      ]),
    ).toEqual({
      connection_id: '1293384261075731499',
      add_tags: ['a', 'b'],
      tags: [],
      deletion_lock_enabled: false,
      emergency_address_id: null,
      customer_reference: 'a=b',
    });
  });

  it('nests voice fields and reads JSON in them, but leaves digits as text', () => {
    expect(
      parseSettings([
        'voice.call_forwarding.call_forwarding_enabled=true',
        'voice.call_forwarding.forwards_to=+13125550100',
        'voice.cnam_listing={"cnam_listing_enabled":true}',
        'voice.translated_number=13125550100',
      ]),
    ).toEqual({
      voice: {
        call_forwarding: { call_forwarding_enabled: true, forwards_to: '+13125550100' },
        cnam_listing: { cnam_listing_enabled: true },
        translated_number: '13125550100',
      },
    });
  });

  it('refuses what it does not know, twice the same, and conflicts', async () => {
    const texts = [
      'colour=red',
      'connection_id=1',
      'connection_id=2',
      'hd_voice_enabled=yes',
      'voice.a=1',
      'voice.a.b=2',
      'voice.__proto__.x=1',
      'voice=1',
      'tags',
    ];
    const problems = await problemsOf(() => parseSettings(texts));
    expect(problems.map((p) => p.path)).toEqual(
      ['colour=red', 'connection_id=2', 'hd_voice_enabled=yes', 'voice.a.b=2', 'voice.__proto__.x=1', 'voice=1', 'tags'].map(
        (t) => `--set ${t}`,
      ),
    );
    expect(await problemsOf(() => parseSettings([]))).toMatchObject([{ path: '--set' }]);
  });
});

describe('durations', () => {
  it('are read with their unit', () => {
    expect(['90s', '10m', '1h30m', '500ms', '1.5m', '2d'].map((t) => parseDuration(t, '--timeout'))).toEqual([
      90_000, 600_000, 5_400_000, 500, 90_000, 172_800_000,
    ]);
  });

  it('are refused without one', async () => {
    for (const wrong of ['10', 'm', '', '10 m', '0s', '-5s', '10x', '5m3', '99d']) {
      expect(await problemsOf(() => parseDuration(wrong, '--timeout'))).toMatchObject([{ path: '--timeout' }]);
    }
  });
});

describe('resolve', () => {
  it('takes exactly one decision', async () => {
    expect(resolutionOf({ adopt: 'ord' })).toEqual({ kind: 'adopt', telnyxId: 'ord' });
    expect(resolutionOf({ notSent: true })).toEqual({ kind: 'not_sent' });
    expect(await problemsOf(() => resolutionOf({}))).toHaveLength(1);
    expect(await problemsOf(() => resolutionOf({ adopt: 'x', giveUp: true }))).toHaveLength(1);
  });
});
