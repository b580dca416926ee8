import { describe, expect, it } from 'vitest';
import { secret } from '../../../src/config/secret.ts';
import type { ErrorCode } from '../../../src/domain/codes.ts';
import { ProvisioningError, refused } from '../../../src/domain/errors.ts';
import { assertMayListen, createKeyring, isLoopback, mayDo } from '../../../src/http/auth.ts';
import { answerTo } from '../../../src/http/errors.ts';
import { ROW, readCursor, writeCursor } from '../../../src/http/paging.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('keys', () => {
  const ring = createKeyring([
    { name: 'anna', key: secret('one:with:colons'), role: 'admin' },
    { name: 'vera', key: secret('two'), role: 'viewer' },
  ]);

  it.each([
    ['Bearer one:with:colons', 'anna'],
    ['bearer two', 'vera'],
    [basic('anna:one:with:colons'), 'anna'],
    [basic('vera:two'), 'vera'],
    [basic('anna:two'), null],
    [basic('anna'), null],
    ['Bearer tw', null],
    ['Bearer two extra', null],
    ['two', null],
    ['', null],
    [undefined, null],
  ])('%s speaks for %s', (header, name) => {
    expect(ring.identify(header)?.name ?? null).toBe(name);
  });

  it('an empty key opens nothing', () => {
    expect(ring.identify('Bearer ')).toBeNull();
    expect(ring.identify(basic('vera:'))).toBeNull();
  });

  it('a role may do what lower roles may, and no more', () => {
    const roles = ['viewer', 'operator', 'admin'] as const;
    expect(roles.map((role) => roles.filter((least) => mayDo({ name: 'x', role }, least)))).toEqual([
      ['viewer'],
      ['viewer', 'operator'],
      [...roles],
    ]);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['localhost', true],
    ['::1', true],
    // As a Host header writes it.
    ['[::1]', true],
    ['0.0.0.0', false],
    ['::', false],
    ['[::]', false],
    ['127.0.0.1.example.com', false],
    ['localhost.example.com', false],
    ['10.0.0.5', false],
    ['', false],
  ])('"%s" is this machine alone: %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('without keys %s may be listened on', (host) => {
    expect(() => assertMayListen(host, [])).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '10.0.0.5', 'example.com', '127.0.0.1.example.com'])('without keys %s may not', (host) => {
    expect(() => assertMayListen(host, [])).toThrow(/PROVISIONER_API_KEYS/);
    expect(() => assertMayListen(host, [{ name: 'a', key: secret('k'), role: 'admin' }])).not.toThrow();
  });
});

describe('what a failure becomes', () => {
  const own = (code: ErrorCode, disposition: ProvisioningError['disposition']) =>
    new ProvisioningError(code, disposition, 'text', { retryAfterMs: 1_500 });
  const coded = (code: string) => Object.assign(new Error('secret text'), { code });

  it.each([
    [own('validation_failed', 'rejected'), 422, 'validation_failed'],
    [own('not_found', 'rejected'), 404, 'not_found'],
    [own('idempotency_conflict', 'rejected'), 409, 'idempotency_conflict'],
    [refused('expected_count_mismatch', 'text'), 409, 'expected_count_mismatch'],
    [own('bad_key', 'account'), 503, 'bad_key'],
    [own('server_error', 'retry'), 503, 'server_error'],
    [own('illegal_move', 'bug'), 500, 'internal'],
    [coded('ECONNREFUSED'), 503, 'database_unavailable'],
    [coded('57P01'), 503, 'database_unavailable'],
    [coded('08P01'), 503, 'database_unavailable'],
    [coded('EHOSTUNREACH'), 503, 'database_unavailable'],
    [new AggregateError([coded('ECONNREFUSED')]), 503, 'database_unavailable'],
    [coded('23505'), 500, 'internal'],
    [new Error('secret text'), 500, 'internal'],
    ['thrown text', 500, 'internal'],
  ])('%s is a %i %s', (thrown, status, code) => {
    const answer = answerTo(thrown, 'req-1');
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(JSON.stringify(answer.body)).not.toMatch(/secret|thrown/);
  });

  it('says when to come back, in whole seconds', () => {
    expect(answerTo(own('server_error', 'retry'), 'r').retryAfterS).toBe(2);
    expect(answerTo(new ProvisioningError('stopping', 'retry', ''), 'r').retryAfterS).toBe(5);
    expect(answerTo(new ProvisioningError('webhooks_off', 'retry', ''), 'r').retryAfterS).toBeUndefined();
    expect(answerTo(own('not_ended', 'rejected'), 'r').retryAfterS).toBeUndefined();
  });
});

it('a cursor leads back to its key, and nothing else is taken for one', () => {
  expect(readCursor(writeCursor('42') ?? '', ROW)).toBe('42');
  expect(readCursor(writeCursor('+13125550100') ?? '', /^\+\d+$/)).toBe('+13125550100');
  expect(readCursor(undefined, ROW)).toBeNull();
  expect(() => readCursor(writeCursor('1; drop table') ?? '', ROW)).toThrow(/cursor/);
  expect(() => readCursor('', ROW)).toThrow(/cursor/);
});
