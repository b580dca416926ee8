import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig, secretsOf } from '../../../src/config/config.ts';
import { ProvisioningError } from '../../../src/domain/errors.ts';

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    expect(error.code).toBe('invalid_config');
    return error.details.map((detail) => `${detail.path} ${detail.message}`);
  }
}

describe('loadConfig', () => {
  it('lists every problem at once', () => {
    const problems = problemsOf({ PROVISIONER_PORT: 'x', PROVISIONER_JOB_SLOTS: '0', LOG_LEVEL: 'loud', REDIS_URL: 'http://h' });
    expect(problems).toHaveLength(4);
  });

  it('refuses a variable of ours that it does not know, and says which one was meant', () => {
    expect(problemsOf({ PROVISIONER_JOB_SLOT: '3', OTHER: 'x' })).toEqual([
      'PROVISIONER_JOB_SLOT is not known; did you mean PROVISIONER_JOB_SLOTS?',
    ]);
    expect(problemsOf({ PROVISIONER_XYZZY_PLUGH_FROTZ: '1' })).toEqual(['PROVISIONER_XYZZY_PLUGH_FROTZ is not known']);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ PROVISIONER_PORT: ' ', REDIS_URL: '' })).toEqual(loadConfig({}));
  });

  it('shows no secret, however it is printed, and none in a problem', () => {
    const env = {
      TELNYX_API_KEY: 'KEY-top-secret',
      DATABASE_URL: 'postgres://u:db-secret@h/d',
      REDIS_URL: 'redis-cluster://u:redis-secret@a:1,b:2',
      PROVISIONER_API_KEYS: 'ops:ops-secret-of-16-at-least:operator',
    };
    const config = loadConfig(env);
    const { apiKey } = config.telnyx;
    for (const text of [inspect(config, { depth: 9 }), JSON.stringify(config), `${apiKey}`]) expect(text).not.toMatch(/secret/);
    expect(apiKey?.reveal()).toBe('KEY-top-secret');
    expect(secretsOf(config)).toEqual(
      expect.arrayContaining(['KEY-top-secret', 'redis-secret', 'ops-secret-of-16-at-least', 'db-secret']),
    );
    expect(
      problemsOf({ DATABASE_URL: 'mysql://u:secret@h', PROVISIONER_API_KEYS: 'secret', REDIS_URL: 'x://secret' }).join(),
    ).not.toMatch(/secret/);
  });

  it('cannot be changed afterwards', () => {
    const config = loadConfig({});
    expect(Object.isFrozen(config.telnyx.ratesPerSecond)).toBe(true);
    expect(() => Object.assign(config.http, { port: 1 })).toThrow(TypeError);
  });

  it('reads rates, keys, a cluster and the nightly run', () => {
    const config = loadConfig({
      PROVISIONER_RATE_LIMITS: 'orders=0.5, reads=20',
      PROVISIONER_API_KEYS: 'a:the-first-key-here,b:the-other-key-here:viewer',
      REDIS_URL: 'redis-cluster://:pw@one:7000,[::1]:7001',
      PROVISIONER_RECONCILE_CRON: 'off',
      PROVISIONER_SETTLE_SECONDS: '90',
    });
    expect(config.telnyx.ratesPerSecond, 'only what is named is a cap').toEqual({ orders: 0.5, reads: 20 });
    expect(config.http.apiKeys.map(({ name, role }) => [name, role])).toEqual([
      ['a', 'admin'],
      ['b', 'viewer'],
    ]);
    expect(config.queue.redis).toMatchObject({
      kind: 'cluster',
      username: null,
      nodes: [
        { host: 'one', port: 7000 },
        { host: '::1', port: 7001 },
      ],
    });
    expect(config.reconcile.cron).toBeNull();
    expect(config.limits.settleMs).toBe(90_000);
  });

  it.each([
    ['PROVISIONER_API_KEYS', 'a:a-key-long-enough:owner'],
    ['PROVISIONER_API_KEYS', 'a:a-key-long-enough,a:other-key-long-enough'],
    ['PROVISIONER_API_KEYS', 'a:15-characters-'],
    ['PROVISIONER_API_KEYS', 'a:a-key-long-enough,b:a-key-long-enough:viewer'],
    ['PROVISIONER_MAX_NUMBER_COST', '123456789.00'],
    ['PROVISIONER_RATE_LIMITS', 'orders=0'],
    ['PROVISIONER_RATE_LIMITS', 'faxes=1'],
    ['PROVISIONER_MAX_NUMBER_COST', '-1'],
    ['PROVISIONER_SELF_APPROVAL', 'maybe'],
    ['PROVISIONER_BUDGETS', 'ops:500'],
    ['PROVISIONER_PRICES', 'e911'],
    ['PROVISIONER_RECONCILE_CRON', 'every day'],
    ['PROVISIONER_RECONCILE_TZ', 'Mars/Olympus'],
    ['TELNYX_PUBLIC_KEY', 'AAAA'],
    ['REDIS_URL', 'redis-cluster://host'],
    ['PROVISIONER_PORT', '70000'],
    ['PROVISIONER_ORDER_SIZE', '1001'],
  ])('refuses %s=%s', (name, value) => {
    expect(problemsOf({ [name]: value })).toHaveLength(1);
  });

  it('reads budgets by their last colon, and prices', () => {
    const env = {
      PROVISIONER_BUDGETS: 'ops:500/month, cli:anna:50.25/month',
      PROVISIONER_PRICES: 'e911=1.50,caller_id_name=0.40',
    };
    const { budgets, prices, selfApproval } = loadConfig(env).limits;
    expect(budgets).toEqual({ ops: '500', 'cli:anna': '50.25' });
    expect([prices, selfApproval]).toEqual([{ e911: '1.50', caller_id_name: '0.40' }, false]);
    expect(loadConfig({}).limits).toMatchObject({ budgets: {}, prices: {} });
  });

  it('all problems of budgets and prices are told at once, also a name that is nearly that of a key', () => {
    expect(
      problemsOf({
        PROVISIONER_API_KEYS: 'launcher:a-key-long-enough',
        PROVISIONER_BUDGETS: 'ops:x/month,ops:5/week,a:1/month,a:2/month',
        PROVISIONER_PRICES: 'e911=free,fax=1,e911=1,e911=2',
      }),
    ).toEqual([
      'PROVISIONER_BUDGETS the budget of "ops" must be an amount such as 500 or 500.00, not "x"',
      'PROVISIONER_BUDGETS entry 2 must be name:amount/month, such as ops:500/month',
      'PROVISIONER_BUDGETS the name "a" is used twice',
      'PROVISIONER_PRICES the price of e911 must be an amount such as 1.50, not "free"',
      'PROVISIONER_PRICES "fax" has no price here; there are e911, caller_id_name',
      'PROVISIONER_PRICES e911 is given twice',
    ]);
    const keys = { PROVISIONER_API_KEYS: 'launcher:a-key-long-enough' };
    expect(problemsOf({ ...keys, PROVISIONER_BUDGETS: 'luncher:5/month,cli:anna:5/month,bot:1/month' })).toEqual([
      'PROVISIONER_BUDGETS names "luncher", which is no API key; did you mean "launcher"?',
    ]);
  });

  it('an API key has 16 characters at least and one name, and all problems of the keys are told at once', () => {
    const keys = 'a:short,b:a-key-long-enough,c:a-key-long-enough,b:another-long-key,d:x:boss';
    expect(problemsOf({ PROVISIONER_API_KEYS: keys })).toEqual([
      'PROVISIONER_API_KEYS the key of "a" must have at least 16 characters',
      'PROVISIONER_API_KEYS "b" and "c" have the same key; give each a key of its own',
      'PROVISIONER_API_KEYS the name "b" is used twice',
      'PROVISIONER_API_KEYS the role of "d" must be one of admin, operator, viewer',
    ]);
    expect(problemsOf({ PROVISIONER_API_KEYS: keys }).join()).not.toMatch(/a-key-long-enough|another-long-key/);
  });
});

describe('the addresses of webhooks', () => {
  const key = Buffer.alloc(24, 7).toString('base64');

  it('are read with their secrets, and none of them shows, nor a token in an address', () => {
    const config = loadConfig({ PROVISIONER_WEBHOOK_URLS: `https://a.example/in?token=t0ken#whsec_${key}, http://b.example` });
    expect(config.webhooks.targets).toMatchObject([
      { shown: 'https://a.example/in' },
      { shown: 'http://b.example/', signingKey: null },
    ]);
    expect(config.webhooks.targets[0]?.url.reveal()).toBe('https://a.example/in?token=t0ken');
    for (const text of [JSON.stringify(config), inspect(config, { depth: 9 })])
      for (const hidden of [key, 't0ken']) expect(text).not.toContain(hidden);
    expect(secretsOf(config)).toEqual(expect.arrayContaining([key, `whsec_${key}`, '?token=t0ken']));
  });

  it.each([
    ['ftp://a.example', 'entry 1 must be an http:// or https:// address'],
    ['https://u:p@a.example', 'entry 1 must not hold a login; give the receiver a secret to check'],
    ['https://a.example#short', 'entry 1 must have whsec_ and the base64 of 24 to 64 bytes behind its #'],
    ['https://a.example,https://a.example/', 'entry 2 names an address twice'],
  ])('%s is refused', (text, problem) => {
    expect(problemsOf({ PROVISIONER_WEBHOOK_URLS: text })).toEqual([`PROVISIONER_WEBHOOK_URLS ${problem}`]);
  });
});
