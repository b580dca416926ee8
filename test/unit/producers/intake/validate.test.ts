import { describe, expect, it } from 'vitest';
import { parseRequest } from '../../../../src/producers/intake/validate.ts';
import { problemsOf } from '../../../support/cli-runs.ts';

const NUMBER = '+13125550100';
const problems = (body: unknown) => problemsOf(() => parseRequest(body));
const setting = (set: unknown) => ({ kind: 'update', phone_numbers: [NUMBER], set });
const buying = (line: object) => ({ kind: 'buy', lines: [{ quantity: 1, ...line }] });

describe('voice settings', () => {
  it.each([
    [{ cnam_listing: 'string' }, 'set.voice.cnam_listing'],
    [{ cnam_listing: { cnam_listing_details: 5 } }, 'set.voice.cnam_listing.cnam_listing_details'],
    [{ cnam_listing: { cnam_listing_details: '16 characters ok' } }, 'set.voice.cnam_listing.cnam_listing_details'],
    [{ cnam_listing: { cnam_listing_details: 'Ça va' } }, 'set.voice.cnam_listing.cnam_listing_details'],
    [{ cnam_listing: { enabled: true } }, 'set.voice.cnam_listing.enabled'],
    [{ caller_id_name_enabled: 'banana' }, 'set.voice.caller_id_name_enabled'],
    [{ tech_prefix_enabled: 1 }, 'set.voice.tech_prefix_enabled'],
    [{ call_recording: 5 }, 'set.voice.call_recording'],
    [{ call_recording: { inbound_call_recording_format: 'ogg' } }, 'set.voice.call_recording.inbound_call_recording_format'],
    [{ call_recording: { inbound_call_recording_channels: '2' } }, 'set.voice.call_recording.inbound_call_recording_channels'],
    [{ call_forwarding: { forwards_to: '312 555 0100' } }, 'set.voice.call_forwarding.forwards_to'],
    [{ call_forwarding: { forwarding_type: 'on_failure' } }, 'set.voice.call_forwarding.forwarding_type'],
    [{ inbound_call_screening: true }, 'set.voice.inbound_call_screening'],
    [{ media_features: { t38_fax_gateway_enabled: 'on' } }, 'set.voice.media_features.t38_fax_gateway_enabled'],
    [{ translated_number: 13_125_550_100 }, 'set.voice.translated_number'],
    [{ usage_payment_method: 'per-minute' }, 'set.voice.usage_payment_method'],
    [{ colour: 'red' }, 'set.voice.colour'],
  ])('%j is refused at %s, and nothing else', async (voice, path) => {
    expect((await problems(setting({ voice }))).map((p) => p.path)).toEqual([path]);
  });

  it('every field that Telnyx takes is taken as it is', () => {
    const voice = {
      call_forwarding: { call_forwarding_enabled: true, forwarding_type: 'on-failure', forwards_to: NUMBER },
      call_recording: {
        inbound_call_recording_enabled: true,
        inbound_call_recording_format: 'mp3',
        inbound_call_recording_channels: 'dual',
      },
      caller_id_name_enabled: false,
      cnam_listing: { cnam_listing_enabled: true, cnam_listing_details: 'Solar 4 you' },
      inbound_call_screening: 'flag_calls',
      media_features: {
        accept_any_rtp_packets_enabled: true,
        rtp_auto_adjust_enabled: false,
        t38_fax_gateway_enabled: true,
      },
      tech_prefix_enabled: true,
      translated_number: '13125550100',
      usage_payment_method: 'channel',
    };
    expect(parseRequest(setting({ voice }))).toMatchObject({ set: { voice } });
  });
});

describe('an update that would change nothing', () => {
  const nothing = [{ path: 'set', message: 'names no field to change' }];

  it.each([{}, { voice: {} }, { voice: { call_recording: {} } }, { add_tags: [] }, { remove_tags: [], voice: {} }])(
    '%j is refused at set',
    async (set) => expect(await problems(setting(set))).toEqual(nothing),
  );

  it('no empty part of the voice settings is sent beside other fields', async () => {
    const message = 'names no field to change';
    expect(await problems(setting({ connection_id: '7', voice: {} }))).toEqual([{ path: 'set.voice', message }]);
    expect(await problems(setting({ voice: { tech_prefix_enabled: true, media_features: {} } }))).toEqual([
      { path: 'set.voice.media_features', message },
    ]);
  });

  it('taking all tags away, or adding none beside another field, is a change', () => {
    expect(parseRequest(setting({ tags: [] }))).toMatchObject({ set: { tags: [] } });
    expect(parseRequest(setting({ add_tags: [], connection_id: '7' }))).toMatchObject({ set: { connection_id: '7' } });
  });
});

describe('every problem at once', () => {
  it('area codes and states are told together with what has no shape', async () => {
    const body = {
      kind: 'buy',
      lines: [
        { quantity: 0, national_destination_code: '311' },
        { national_destination_code: '312', administrative_area: 'ZZ', colour: 'red' },
        { quantity: 'many', country_code: 'XX', fallback: { national_destination_codes: ['31a', '000'] } },
        'nonsense',
      ],
      max_upfront_cost: '-1',
      assign: { tags: ['a:b'] },
    };
    expect((await problems(body)).map((p) => p.path).sort()).toEqual([
      'assign.tags.0',
      'lines.0.national_destination_code',
      'lines.0.quantity',
      'lines.1.administrative_area',
      'lines.1.colour',
      'lines.1.quantity',
      'lines.2.country_code',
      'lines.2.fallback.national_destination_codes.0',
      'lines.2.quantity',
      'lines.3',
      'max_upfront_cost',
    ]);
  });

  it('a bad set hides neither wrong nor repeated numbers', async () => {
    const body = { kind: 'update', phone_numbers: [NUMBER, 'nonsense', NUMBER, '+1312'], set: { colour: 'red' } };
    expect(await problems(body)).toEqual([
      { path: 'set.colour', message: expect.stringMatching(/^is not known; the fields are connection_id, /) },
      { path: 'phone_numbers.1', message: '"nonsense" is not an E.164 number such as +13125550100' },
      { path: 'phone_numbers.2', message: `"${NUMBER}" is in the list already, at phone_numbers.0` },
      { path: 'phone_numbers.3', message: '"+1312" is not an E.164 number such as +13125550100' },
    ]);
  });

  it('an unknown condition names the ones there are', async () => {
    const [problem] = await problems({ kind: 'update', where: { tags: 'x' }, set: { tags: [] } });
    expect(problem).toMatchObject({ path: 'where.tags', message: 'is not known; did you mean "tag"?' });
    const [far] = await problems({ kind: 'update', where: { colour: 'x' }, set: { tags: [] } });
    expect(far).toMatchObject({ path: 'where.colour', message: expect.stringContaining('the fields are tag, connection_id') });
  });
});

describe('C1 area codes', () => {
  it.each(['861', '436', '624', '257', '324', '976', '555', '500', '521'])(
    '%s has the shape of one and is left to the search, alone and to fall back to, in the US and Canada',
    (code) => {
      for (const country_code of ['US', 'CA']) {
        expect(() => parseRequest(buying({ country_code, national_destination_code: code }))).not.toThrow();
        expect(() => parseRequest(buying({ country_code, fallback: { national_destination_codes: [code] } }))).not.toThrow();
      }
    },
  );

  it.each(['211', '411', '911', '012', '112', '390', '31', '3120'])('%s can be none and is refused', async (code) => {
    for (const line of [{ national_destination_code: code }, { fallback: { national_destination_codes: [code] } }]) {
      expect(await problems(buying(line))).toMatchObject([{ message: `"${code}" is not an area code of the US or Canada` }]);
    }
  });

  it('900 is premium rate and no area', async () => {
    expect(await problems(buying({ national_destination_code: '900' }))).toMatchObject([
      { message: '"900" is the code of premium-rate numbers and no area' },
    ]);
  });
});

describe('a number in a body', () => {
  it('C9 that carries an invisible mark is refused with the name of the mark', async () => {
    const body = { kind: 'update', phone_numbers: [`\u202a${NUMBER}`], set: { colour: 'red' } };
    expect((await problems(body))[1]?.message).toBe(
      `"<U+202A>${NUMBER}" is not an E.164 number such as +13125550100: it contains U+202A`,
    );
  });
});

describe('toll-free codes', () => {
  it.each(['800', '822', '833', '844', '855', '866', '877', '880', '888', '889'])(
    '%s is refused for local numbers, with a word on what to ask',
    async (code) => {
      for (const line of [{ national_destination_code: code }, { fallback: { national_destination_codes: [code] } }]) {
        const [problem, ...more] = await problems(buying(line));
        expect([problem?.message, more]).toEqual([expect.stringMatching(/toll-free code.*--toll-free/), []]);
      }
    },
  );

  it('is fine for toll-free numbers', () => {
    const line = { national_destination_code: '888', phone_number_type: 'toll_free' };
    expect(parseRequest(buying(line))).toMatchObject({ lines: [line] });
  });
});
