import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDb } from '../../src/db/client.ts';
import { buildServer } from '../../src/http/server.ts';
import { ask, basic, buy, codeOf, fileServer, testServer, viewer } from '../support/http-harness.ts';

const server = await fileServer({ beforeEach, afterAll });
const { app, database, db, queue, requestCount, submit } = server;

const KEYLESS = { apiKeys: [], webhookKeys: [], jobSlots: 15, clock: { now: () => new Date() } };

const ROUTES = [
  'GET /healthz',
  'GET /metrics',
  'GET /readyz',
  'GET /v1/account',
  'GET /v1/available',
  'GET /v1/numbers',
  'GET /v1/numbers.csv',
  'GET /v1/numbers/{e164}',
  'GET /v1/plans/{id}',
  'GET /v1/reconciliations',
  'GET /v1/reconciliations/{id}',
  'GET /v1/reconciliations/{id}/drift',
  'GET /v1/reconciliations/{id}/drift.csv',
  'GET /v1/requests',
  'GET /v1/requests/{id}',
  'GET /v1/requests/{id}/chunks',
  'GET /v1/requests/{id}/events',
  'GET /v1/requests/{id}/history',
  'GET /v1/requests/{id}/items',
  'GET /v1/requests/{id}/items.csv',
  'GET /v1/webhook-deliveries',
  'POST /v1/account/reopen',
  'POST /v1/plans',
  'POST /v1/plans/{id}/apply',
  'POST /v1/reconciliations',
  'POST /v1/reconciliations/{id}/accept',
  'POST /v1/reconciliations/{id}/repair',
  'POST /v1/requests',
  'POST /v1/requests/{id}/approve',
  'POST /v1/requests/{id}/cancel',
  'POST /v1/requests/{id}/chunks/{chunk}/resolve',
  'POST /v1/requests/{id}/pause',
  'POST /v1/requests/{id}/resume',
  'POST /v1/requests/{id}/retry',
  'POST /v1/requests/{id}/undo',
  'POST /webhooks/telnyx',
];

describe('who may do what', () => {
  it('without a valid key nothing is shown and nothing is stored', async () => {
    const before = await requestCount();
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'Bearer' },
      basic('vera', 'admin-key-1'),
      basic('nobody', 'x'),
    ]) {
      for (const [method, url] of [
        ['GET', '/v1/requests'],
        ['POST', '/v1/requests'],
        ['GET', '/metrics'],
        ['GET', '/v1/account'],
      ] as const) {
        const answer = await ask(app, method, url, { headers, ...(method === 'POST' && { payload: buy('sneaky') }) });
        expect([answer.status, codeOf(answer.body)]).toEqual([401, 'unauthorized']);
      }
    }
    expect(await requestCount()).toBe(before);
  });

  it('a viewer cannot submit, cancel, approve, retry or start a run', async () => {
    const { id } = await submit(buy('guarded'));
    const before = await requestCount();
    for (const url of [
      '/v1/requests',
      `/v1/requests/${id}/cancel`,
      `/v1/requests/${id}/approve`,
      `/v1/requests/${id}/retry`,
      '/v1/reconciliations',
      '/v1/account/reopen',
    ]) {
      const answer = await ask(app, 'POST', url, { headers: viewer, payload: buy('no') });
      expect([url, answer.status, codeOf(answer.body)]).toEqual([url, 403, 'forbidden']);
    }
    expect(await requestCount()).toBe(before);
    expect((await ask(app, 'GET', `/v1/requests/${id}`, { headers: viewer })).body).toMatchObject({ status: 'queued' });
  });

  it('a page of another site cannot use the login of a browser', async () => {
    const before = await requestCount();
    const login = basic('anna', 'admin-key-1');
    for (const from of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      expect((await ask(app, 'POST', '/v1/requests', { headers: { ...login, ...from }, payload: buy('forged') })).status).toBe(
        403,
      );
    }
    expect(await requestCount()).toBe(before);
    const own = { ...login, host: 'ops.example', origin: 'https://ops.example' };
    expect((await ask(app, 'POST', '/v1/requests', { headers: own, payload: buy('own page') })).status).toBe(202);
  });

  it('without keys the server is for loopback alone: other hosts are refused at the start, other names at each request', async () => {
    const deps = {
      ...KEYLESS,
      boardQueues: () => [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      ready: () => ({ ok: true, problems: [] }),
    };
    const { log } = app;
    const parts = {
      ...deps,
      log,
      producer: {
        db,
        queue,
        clock: KEYLESS.clock,
        log,
        limits: {
          orderSize: 1,
          batchSize: 1,
          maxNumberCost: '1',
          approvalAbove: null,
          selfApproval: false,
          budgets: {},
          prices: {},
        },
      },
    };
    await expect(buildServer({ ...parts, host: '0.0.0.0' })).rejects.toThrow(
      /PROVISIONER_API_KEYS: must be set before the server may listen on 0\.0\.0\.0/,
    );
    const open = await buildServer({ ...parts, host: '127.0.0.1' });
    expect((await ask(open, 'GET', '/v1/account', { headers: { host: 'localhost:8080' } })).status).toBe(200);
    expect((await ask(open, 'GET', '/metrics', { headers: { host: '[::1]:8080' } })).status).toBe(200);
    expect((await ask(open, 'GET', '/v1/account', { headers: { host: 'rebound.example' } })).status).toBe(403);
    await open.close();
  });
});

describe('failures', () => {
  it('an error body never carries a stack, a secret or the text of an unknown error', async () => {
    const secretText = 'postgres://admin:hunter2@db/prod';
    const broken = await testServer(database.url, {
      producer: {
        clock: {
          now: () => {
            throw new Error(secretText);
          },
        },
      },
    });
    const { status, text, headers } = await ask(broken.app, 'POST', '/v1/requests', { payload: buy('breaks') });
    expect(status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: { code: 'internal', message: expect.stringContaining(String(headers['x-request-id'])), details: [] },
    });
    expect(text).not.toMatch(/hunter2| {4}at |\.ts/);
    expect(broken.logged()).toContain(String(headers['x-request-id']));
    expect(broken.logged()).not.toContain('admin-key-1');
    await broken.close();
  });

  it('a database that is away is a 503 that may be tried again', async () => {
    const away = openDb('postgres://127.0.0.1:1/none');
    const broken = await testServer(database.url, { producer: { db: away } });
    const answer = await ask(broken.app, 'GET', '/v1/requests');
    expect([answer.status, codeOf(answer.body), answer.headers['retry-after']]).toEqual([503, 'database_unavailable', '5']);
    await Promise.all([broken.close(), away.close()]);
  });
});

describe('health and description', () => {
  it('health and readiness are open, metrics are not', async () => {
    const unready = await testServer(database.url, { ready: () => ({ ok: false, problems: ['the queue is away'] }) });
    expect((await ask(unready.app, 'GET', '/healthz', { headers: {} })).status).toBe(200);
    expect(await ask(unready.app, 'GET', '/readyz', { headers: {} })).toMatchObject({
      status: 503,
      body: { problems: ['the queue is away'] },
    });
    expect((await ask(unready.app, 'GET', '/metrics', { headers: viewer })).text).toContain('provisioner_account_gate_open');
    await unready.close();
  });

  it('OpenAPI 3.1 describes every route of the API with its bodies and errors', async () => {
    const { body } = await ask(app, 'GET', '/openapi.json', { headers: {} });
    const spec = z
      .object({ openapi: z.literal('3.1.0'), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(body);
    const routes = Object.entries(spec.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`),
    );
    expect(routes.sort()).toEqual(ROUTES);
    expect(body).toMatchObject({
      paths: {
        '/v1/requests': {
          post: {
            requestBody: { content: { 'application/json': { schema: { oneOf: [{}, {}, {}] } } } },
            responses: { '4XX': {} },
          },
        },
      },
      components: { schemas: { Request: {}, Error: {} } },
    });
    expect(JSON.stringify(body)).not.toContain('"nullable"');
    expect((await ask(app, 'GET', '/docs', { headers: {} })).status).toBe(200);
  });
});
