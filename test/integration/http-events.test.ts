import { afterAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { ask, endAll, testServer, viewer } from '../support/http-harness.ts';
import { fileDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);

async function listening() {
  const server = await testServer(database.url, { timings: { watchMs: 20 } });
  const base = await server.app.listen({ host: '127.0.0.1', port: 0 });
  const payload = { kind: 'buy', lines: [{ quantity: 2 }] };
  const { id } = z.object({ id: z.string() }).parse((await ask(server.app, 'POST', '/v1/requests', { payload })).body);
  const watch = (headers: Record<string, string> = {}) =>
    fetch(`${base}/v1/requests/${id}/events`, { headers: { ...viewer, ...headers } });
  return { ...server, id, watch };
}

/** Gathers a stream as it comes. */
function gather(answer: Response) {
  const state = { text: '', ended: false };
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const part of answer.body ?? []) state.text += decoder.decode(part, { stream: true });
    state.ended = true;
  };
  void read().catch(() => {
    state.ended = true;
  });
  return state;
}

it('a watcher gets an event on every change, and the stream ends when the request ends', async () => {
  const server = await listening();
  const answer = await server.watch();
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const stream = gather(answer);
  await until('the first event', () => stream.text.includes('"pending":2'));
  await server.db.sql`update items set status = 'in_flight' where request_id = ${server.id}`;
  await until('the change', () => stream.text.includes('"in_flight":2'));
  await endAll(server.db, server.id, 'succeeded');
  await until('the end', () => stream.ended);
  const events = stream.text.split('\n\n').filter((e) => e.includes('data:'));
  expect(events.every((e) => e.includes('event: request'))).toBe(true);
  expect(events.at(-1)).toMatch(/^id: end\nevent: request\ndata: .*"status":"succeeded"/);
  await server.close();
});

it('a browser that reconnects after the end is told to stop', async () => {
  const server = await listening();
  await endAll(server.db, server.id, 'succeeded');
  expect((await server.watch({ 'last-event-id': 'end' })).status).toBe(204);
  expect(await (await server.watch()).text()).toContain('"status":"succeeded"');
  await server.close();
});

it('closing the server ends the streams at once', async () => {
  const server = await listening();
  const stream = gather(await server.watch());
  await until('the first event', () => stream.text.includes('event: request'));
  await server.close();
  await until('the end', () => stream.ended, { withinMs: 2_000 });
});
