import Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import { type Disposition, ProvisioningError } from '../../../../src/domain/errors.ts';
import { type CallContext, toFailure } from '../../../../src/telnyx/failures/failures.ts';

const KEY = 'KEY0123456789SECRET';
const write: CallContext = {
  phase: 'write',
  operation: 'orders.create',
  numbers: 50,
  job: false,
  scrub: (text) => text.replaceAll(KEY, '***'),
  now: new Date('2026-10-01T00:00:00Z'),
};
const job: CallContext = { ...write, operation: 'jobs.update', job: true };
const messaging: CallContext = { ...write, operation: 'messaging.update' };
const calling = (operation: string): CallContext => ({ ...write, operation });
const ESSENTIAL = [
  ...['search', 'orders.create', 'orders.find', 'orders.get', 'jobs.update', 'jobs.delete', 'jobs.emergency', 'jobs.get'],
  ...['jobs.list', 'numbers.verify_ownership', 'numbers.list'],
];
const BESIDE = [
  ...['reservations.create', 'balance', 'messaging.update', 'messaging.get', 'orders.paperwork', 'orders.sub_orders'],
  ...['orders.cancel', 'something.new'],
];

interface Said {
  code?: string;
  pointer?: string;
  title?: string;
  detail?: string;
}

function answer(status: number, said: Said | null, headers: Record<string, string> = {}): unknown {
  const { pointer, ...rest } = said ?? {};
  const body = said === null ? undefined : { errors: [{ ...rest, ...(pointer === undefined ? {} : { source: { pointer } }) }] };
  return Telnyx.APIError.generate(status, body, said === null ? 'not json' : undefined, new Headers(headers));
}

type Row = [
  what: string,
  status: number,
  said: Said | null,
  code: string,
  read: Disposition,
  write: Disposition,
  ctx?: CallContext,
];

const ROWS: Row[] = [
  ['429', 429, { code: '10011' }, 'rate_limited', 'retry', 'retry'],
  ['429 without a body', 429, null, 'rate_limited', 'retry', 'retry'],
  ['10011 under another status', 403, { code: '10011' }, 'rate_limited', 'retry', 'retry'],
  [
    'the job cap',
    422,
    { code: '10015', pointer: '/base', detail: 'at most 20 pending or in progress jobs' },
    'job_cap',
    'retry',
    'retry',
    job,
  ],
  ['the same words outside a job', 422, { code: '10015', pointer: '/base' }, 'invalid_request', 'rejected', 'rejected'],
  ['10036', 422, { code: '10036' }, 'being_processed', 'retry', 'retry'],
  ['85001 as 409', 409, { code: '85001' }, 'numbers_gone', 'rejected', 'rejected'],
  ['85001 as 422', 422, { code: '85001' }, 'numbers_gone', 'rejected', 'rejected'],
  ['85001 as 400', 400, { code: '85001' }, 'numbers_gone', 'rejected', 'rejected'],
  ['85001 behind a 500', 500, { code: '85001' }, 'server_error', 'retry', 'ambiguous'],
  ['85000', 422, { code: '85000' }, 'search_expired', 'rejected', 'rejected'],
  ['85004', 422, { code: '85004' }, 'invalid_connection', 'rejected', 'rejected'],
  ['85005', 422, { code: '85005' }, 'invalid_messaging_profile', 'rejected', 'rejected'],
  ['85006', 422, { code: '85006' }, 'already_reserved', 'rejected', 'rejected'],
  ['85007', 422, { code: '85007' }, 'reservation_limit', 'rejected', 'rejected'],
  ['85008', 422, { code: '85008' }, 'reservation_not_extendable', 'rejected', 'rejected'],
  [
    'ownership',
    422,
    { code: '10015', pointer: '/phone_numbers', detail: 'You must own every number' },
    'not_owned',
    'rejected',
    'rejected',
    job,
  ],
  [
    'a list complaint of a job in unknown words',
    422,
    { code: '10015', pointer: '/phone_numbers', detail: 'nope' },
    'not_owned',
    'rejected',
    'rejected',
    job,
  ],
  [
    'the size of a job',
    422,
    { code: '10015', pointer: '/phone_numbers', detail: '1000 numbers is the maximum' },
    'too_many_numbers',
    'rejected',
    'rejected',
    job,
  ],
  [
    'a job above the limit in unknown words',
    422,
    { code: '10015', pointer: '/phone_numbers' },
    'too_many_numbers',
    'rejected',
    'rejected',
    { ...job, numbers: 1_001 },
  ],
  [
    'mixed ids in a job',
    422,
    { code: '10015', pointer: '/phone_numbers', detail: 'all e164 or all ids' },
    'invalid_request',
    'rejected',
    'rejected',
    job,
  ],
  ['the list of an order', 422, { code: '10015', pointer: '/phone_numbers' }, 'too_many_numbers', 'rejected', 'rejected'],
  [
    '10033 on the list of an order',
    422,
    { code: '10033', pointer: '/phone_numbers' },
    'too_many_numbers',
    'rejected',
    'rejected',
  ],
  [
    'the list of an order of one',
    422,
    { code: '10015', pointer: '/phone_numbers' },
    'invalid_request',
    'rejected',
    'rejected',
    { ...write, numbers: 1 },
  ],
  ...['10015', '10033'].map(
    (code): Row => [
      `${code} on the list of a messaging update`,
      422,
      { code, pointer: '/numbers' },
      'too_many_numbers',
      'rejected',
      'rejected',
      messaging,
    ],
  ),
  [
    'the list of a messaging update of one',
    422,
    { code: '10015', pointer: '/numbers' },
    'invalid_request',
    'rejected',
    'rejected',
    { ...messaging, numbers: 1 },
  ],
  ['the same pointer elsewhere', 422, { code: '10015', pointer: '/numbers' }, 'invalid_request', 'rejected', 'rejected'],
  ['40157', 422, { code: '40157' }, 'blocked_for_now', 'retry', 'retry', messaging],
  ['40157 behind a 500', 500, { code: '40157' }, 'server_error', 'retry', 'ambiguous', messaging],
  ...[400, 418, 422].map(
    (status): Row => [`${status} whose body cannot be read`, status, null, 'unknown_outcome', 'retry', 'ambiguous'],
  ),
  ['20100', 400, { code: '20100' }, 'insufficient_funds', 'account', 'account'],
  ['402 without a code', 402, null, 'insufficient_funds', 'account', 'account'],
  ['401', 401, null, 'bad_key', 'account', 'account'],
  ...['10009', '20001', '20002', '20003', '20008'].map((code): Row => [code, 403, { code }, 'bad_key', 'account', 'account']),
  ...['20012', '20013', '20014', '20015', '20016', '20017'].map(
    (code): Row => [code, 403, { code }, 'account_blocked', 'account', 'account'],
  ),
  ...ESSENTIAL.flatMap((operation): Row[] => [
    ...['10006', '10010'].map(
      (code): Row => [`403 ${code} of ${operation}`, 403, { code }, 'forbidden', 'account', 'account', calling(operation)],
    ),
    [`403 of ${operation} without a body`, 403, null, 'forbidden', 'account', 'account', calling(operation)],
  ]),
  ...BESIDE.flatMap((operation): Row[] => [
    ...['10006', '10010', '99999'].map(
      (code): Row => [
        `403 ${code} of ${operation}`,
        403,
        { code },
        'feature_not_permitted',
        'rejected',
        'rejected',
        calling(operation),
      ],
    ),
    [`403 of ${operation} without a body`, 403, null, 'unknown_outcome', 'retry', 'ambiguous', calling(operation)],
  ]),
  ...['10006', '10010', '99999'].flatMap((code) =>
    ['orders.create', 'jobs.update', 'messaging.update', 'balance'].map(
      (operation): Row => [
        `403 ${code} of ${operation} that points at a field`,
        403,
        { code, pointer: '/billing_group_id' },
        'forbidden',
        'rejected',
        'rejected',
        calling(operation),
      ],
    ),
  ),
  ...['/', '/base'].map(
    (pointer): Row => [`403 10010 that points at ${pointer}`, 403, { code: '10010', pointer }, 'forbidden', 'account', 'account'],
  ),
  ['10010 under another status', 422, { code: '10010' }, 'forbidden', 'rejected', 'rejected'],
  ['10038', 403, { code: '10038' }, 'feature_not_permitted', 'rejected', 'rejected'],
  ['10039', 422, { code: '10039' }, 'feature_not_permitted', 'rejected', 'rejected'],
  ['404', 404, null, 'not_found', 'rejected', 'rejected'],
  ['10005', 422, { code: '10005' }, 'not_found', 'rejected', 'rejected'],
  ...['10001', '10002', '10004', '10006', '10015', '10016', '10022', '10027', '10031', '10032', '10034'].map(
    (code): Row => [code, 422, { code }, 'invalid_request', 'rejected', 'rejected'],
  ),
  ['10012', 422, { code: '10012' }, 'duplicate', 'rejected', 'ambiguous'],
  ['500', 500, { code: '10007' }, 'server_error', 'retry', 'ambiguous'],
  ['502 with HTML', 502, null, 'server_error', 'retry', 'ambiguous'],
  ['503', 503, { code: '10037' }, 'server_error', 'retry', 'ambiguous'],
  ['408', 408, null, 'timeout', 'retry', 'ambiguous'],
  ['10008', 504, { code: '10008' }, 'timeout', 'retry', 'ambiguous'],
  ['409 whose body cannot be read', 409, null, 'conflict', 'retry', 'ambiguous'],
  ['409 without a code', 409, { code: '' }, 'conflict', 'retry', 'ambiguous'],
  ['a redirect', 307, null, 'unknown_outcome', 'retry', 'ambiguous'],
  ['10035', 403, { code: '10035' }, 'refused_by_telnyx', 'rejected', 'rejected'],
  ['another 4xx', 418, { code: '99999' }, 'refused_by_telnyx', 'rejected', 'rejected'],
];

describe('a Telnyx failure', () => {
  it.each(ROWS)(
    '%s is classified by code and status, never by its words alone',
    (_what, status, said, code, onRead, onWrite, ctx = write) => {
      const asWrite = toFailure(answer(status, said), ctx);
      const asRead = toFailure(answer(status, said), { ...ctx, phase: 'read' });
      expect([asWrite.code, asRead.disposition, asWrite.disposition]).toEqual([code, onRead, onWrite]);
    },
  );

  it.each([
    ['seconds', { 'x-ratelimit-reset': '7' }, 7_000],
    ['an epoch', { 'x-ratelimit-reset': String(Date.parse('2026-10-01T00:00:09Z') / 1000) }, 9_000],
    ['retry-after in seconds', { 'retry-after': '3' }, 3_000],
    ['retry-after as a date', { 'retry-after': 'Thu, 01 Oct 2026 00:00:05 GMT' }, 5_000],
    ['nonsense', { 'x-ratelimit-reset': 'soon' }, undefined],
    ['two times, the reset larger', { 'x-ratelimit-reset': '7', 'retry-after': '3' }, 7_000],
    ['two times, retry-after larger', { 'x-ratelimit-reset': '3', 'retry-after': '7' }, 7_000],
    ['two times, one an epoch that has passed', { 'x-ratelimit-reset': '1600000000', 'retry-after': '4' }, 4_000],
    ['two times, one zero', { 'x-ratelimit-reset': '0', 'retry-after': '4' }, 4_000],
    ['two times, one negative', { 'x-ratelimit-reset': '4', 'retry-after': '-5' }, 4_000],
    ['two times, one nonsense', { 'x-ratelimit-reset': '4', 'retry-after': 'later' }, 4_000],
    ['two times, one absurd', { 'x-ratelimit-reset': '4', 'retry-after': '99999999' }, 600_000],
    ['two zeros', { 'x-ratelimit-reset': '0', 'retry-after': '0' }, undefined],
    ['a date that has passed', { 'retry-after': 'Wed, 30 Sep 2026 00:00:05 GMT' }, undefined],
    ['a negative number, which is no date', { 'retry-after': '-5' }, undefined],
  ])('a 429 carries when to come back: %s', (_what, headers, expected) => {
    expect(toFailure(answer(429, { code: '10011' }, headers), write).retryAfterMs).toBe(expected);
  });

  it('a missing permission is told with the name of the field that it is about', () => {
    const failure = toFailure(answer(403, { code: '10010', pointer: '/billing_group_id', title: 'Forbidden' }), write);
    expect(failure.message).toContain('/billing_group_id: 10010 - Forbidden');
  });

  const unrecognized = (detail: string) =>
    toFailure(answer(422, { code: '10027', pointer: '/', title: 'Unprocessable', detail }), {
      ...write,
      ordered: ['+13125550100', '+13125550101', '+13125550102'],
    });

  it('10027 that speaks of numbers names those that leave the order; a number that is not in the order is not believed', () => {
    const said =
      "We don't recognize the number(s) ['+13125550102', '+13125550199', '+1312555xxxx']. Did you first search for the number(s)?";
    expect(unrecognized(said)).toMatchObject({
      code: 'numbers_unrecognized',
      disposition: 'rejected',
      numbers: ['+13125550102'],
    });
  });

  it('10027 with another text stays a general refusal', () => {
    expect(unrecognized('messaging_profile_id is not reachable here')).toMatchObject({ code: 'invalid_request', numbers: [] });
  });

  it('10027 of a call that orders nothing is no refusal for numbers', () => {
    const job10027 = toFailure(answer(422, { code: '10027', detail: 'Did you first search for the number(s)?' }), job);
    expect(job10027.code).toBe('invalid_request');
  });

  it('keeps the words and pointers of Telnyx as evidence, without the key', () => {
    const failure = toFailure(answer(422, { code: '10015', pointer: '/base', title: 'Bad', detail: `with ${KEY}` }), job);
    expect(failure.details).toEqual([{ path: '/base', message: '10015 - Bad - with ***' }]);
    expect(failure.message).not.toContain(KEY);
  });

  it.each([
    ['a detail that is a list', { code: '85001', detail: ['gone'], source: { pointer: '/phone_numbers' } }],
    ['a title that is an object', { code: '85001', title: { text: 'Gone' } }],
    ['a pointer that is a number', { code: '85001', source: { pointer: 7 } }],
    ['a source that is a list', { code: '85001', source: ['/phone_numbers'] }],
  ])('%s does not cost the code', (_what, entry) => {
    const error = Telnyx.APIError.generate(422, { errors: [entry] }, undefined, new Headers());
    expect(toFailure(error, write)).toMatchObject({ code: 'numbers_gone', disposition: 'rejected' });
  });

  it.each([
    ['JSON that is no error body', { message: 'blocked' }],
    ['an empty list of errors', { errors: [] }],
    ['entries that are no objects', { errors: ['no'] }],
  ])('%s under 422 is no reason: a write stays ambiguous', (_what, body) => {
    const error = Telnyx.APIError.generate(422, body, undefined, new Headers());
    expect(toFailure(error, write).disposition).toBe('ambiguous');
  });

  it('reads a source that is a bare string and a code that is a number', () => {
    const error = Telnyx.APIError.generate(422, { errors: [{ code: 10015, source: '/base' }] }, undefined, new Headers());
    expect(toFailure(error, job).code).toBe('job_cap');
  });
});

describe('a call without an answer', () => {
  const connection = (code: string): unknown =>
    new Telnyx.APIConnectionError({
      cause: new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) }),
    });

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])('%s means that nothing was sent, so a write may be repeated', (code) => {
    const failure = toFailure(connection(code), write);
    expect([failure.code, failure.disposition]).toEqual(['not_sent', 'retry']);
  });

  it.each([
    ['a reset', connection('ECONNRESET')],
    ['a timeout before the headers', new Telnyx.APIConnectionTimeoutError()],
    ['an abort before the headers', new Telnyx.APIUserAbortError()],
    ['an abort in the body', new DOMException('aborted', 'AbortError')],
    ['a cut body', new TypeError('terminated')],
    ['broken JSON', new SyntaxError('Unexpected token')],
    ['something that is no error', 'boom'],
  ])('%s leaves a write ambiguous and a read repeatable', (_what, thrown) => {
    const asWrite = toFailure(thrown, write);
    expect([asWrite.code, asWrite.disposition]).toEqual(['unknown_outcome', 'ambiguous']);
    expect(toFailure(thrown, { ...write, phase: 'read' }).disposition).toBe('retry');
  });

  it('a failure that is already classified stays as it is', () => {
    const failure = new ProvisioningError('limiter_unavailable', 'retry', 'x');
    expect(toFailure(failure, write)).toBe(failure);
  });
});
