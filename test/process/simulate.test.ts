import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Telnyx from 'telnyx';
import { afterAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/simulator/index.ts';
import { endOf, run, start } from '../support/child-process.ts';
import { programArguments } from '../support/program.ts';
import { until } from '../support/until.ts';

// Compiled before anything has a deadline.
programArguments();

const folder = mkdtempSync(join(tmpdir(), 'provisioner-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** Faults of the connection, the reply, the service and of people, as an operator would write them down. */
const MIXTURE = [
  { kind: 'error_before', status: 503, probability: 0.5, match: { path: '/balance' } },
  { kind: 'rate_limited', reset: 'epoch', seconds: 9, after: 1, times: 2, match: { family: 'search' } },
  { kind: 'accept_then_drop', times: 1, match: { method: 'POST', path: '/number_orders' } },
  { kind: 'html', status: 502, probability: 0.3, match: { method: 'GET', path: '^/number_orders/.+' } },
  { kind: 'order_partial', count: 1 },
  { kind: 'unknown_enum', match: { path: '/phone_numbers/jobs' }, times: 1 },
  { kind: 'page_fails', page: 2, times: 1 },
  { kind: 'portal_release', count: 3, afterMs: 50 },
  { kind: 'portal_lock', count: 2, match: { method: 'POST', path: 'jobs/delete' } },
];

interface Seen {
  transcript: string[];
  gone: string[] | undefined;
  ledger: Ledger;
}

/** The same calls, one after the other, to a simulator that is a process of its own. */
async function walk(faults: string, seed: number): Promise<Seen> {
  const child = start(
    ['simulate', '--port', '0', '--numbers', '2000', '--owned', '40', '--seed', String(seed), '--faults', faults],
    {},
  );
  try {
    await child.saw('TELNYX_PUBLIC_KEY', 60_000);
    const baseURL = /TELNYX_BASE_URL=(\S+)/.exec(child.stdout)?.[1] ?? '';
    const client = new Telnyx({ apiKey: 'KEY_SIM', baseURL, maxRetries: 0 });
    const ledger = async () => (await (await fetch(`${new URL(baseURL).origin}/_sim/ledger`)).json()) as Ledger;
    await until('people have released three numbers', async () => (await ledger()).portal.length === 1);
    const transcript: string[] = [];
    const call = async (name: string, made: PromiseLike<unknown>): Promise<void> => {
      const answer = await Promise.resolve(made).then(describeAnswer, describeFailure);
      transcript.push(`${name}: ${answer}`);
    };
    for (let n = 0; n < 20; n += 1) await call('balance', client.balance.retrieve());
    const filter = { country_code: 'US', phone_number_type: 'local' as const, limit: 4 };
    const offers = (await client.availablePhoneNumbers.list({ filter })).data?.map((row) => row.phone_number ?? '') ?? [];
    for (let n = 0; n < 3; n += 1) await call('search', client.availablePhoneNumbers.list({ filter }));
    await call('order', client.numberOrders.create({ phone_numbers: offers.map((phone_number) => ({ phone_number })) }));
    const [order] = (await ledger()).orders;
    await until('the order ends', async () => (await ledger()).orders[0]?.status !== 'pending');
    for (let n = 0; n < 10; n += 1) await call('read order', client.numberOrders.retrieve(order?.id ?? ''));
    for (const page of [1, 2, 2]) await call(`page ${page}`, client.phoneNumbers.list({ 'page[number]': page }));
    const owned = (await client.phoneNumbers.slimList({ 'page[size]': 5, sort: 'phone_number' })).data;
    await call('job', client.phoneNumbers.jobs.deleteBatch({ phone_numbers: owned.map((row) => row.phone_number ?? '') }));
    const end = await ledger();
    return { transcript, gone: end.portal[0]?.phone_numbers, ledger: end };
  } finally {
    child.send('SIGTERM');
    await endOf(child, 20_000);
  }
}

function describeAnswer(answer: unknown): string {
  const text = JSON.stringify(answer);
  return text.includes('not-seen-before') ? 'an unknown word' : 'fine';
}

function describeFailure(error: unknown): string {
  if (error instanceof Telnyx.APIError && error.status !== undefined) {
    const reset = Number(error.headers?.get('x-ratelimit-reset') ?? 0);
    return `${error.status}${error.status === 429 ? ` until ${reset > 1e9 ? 'an epoch' : reset}` : ''}`;
  }
  return error instanceof Error ? error.constructor.name : String(error);
}

describe('provisioner simulate --faults FILE', { timeout: 240_000 }, () => {
  it('strikes with a mixture of faults, and with the same seed in the same way', async () => {
    const path = file('mixture.json', MIXTURE);
    const first = await walk(path, 5);
    const of = (name: string) =>
      first.transcript.flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []));
    expect(new Set(of('balance'))).toEqual(new Set(['fine', '503']));
    expect(of('search')).toEqual(['429 until an epoch', '429 until an epoch', 'fine']);
    expect(of('order')).toEqual(['APIConnectionError']);
    expect(new Set(of('read order'))).toEqual(new Set(['fine', '502']));
    expect([of('page 1'), of('page 2')]).toEqual([['fine'], ['500', 'fine']]);
    expect(of('job')).toEqual(['an unknown word']);
    expect(first.ledger).toMatchObject({
      charged: { lines: 3 },
      calls: { by_endpoint: { 'POST /number_orders': { dropped: 1 } } },
    });
    expect(first.ledger.portal.map((act) => [act.action, act.phone_numbers.length])).toEqual([
      ['release', 3],
      ['lock', 2],
    ]);
    const [again, other] = [await walk(path, 5), await walk(path, 6)];
    expect(again.transcript).toEqual(first.transcript);
    expect(again.ledger.portal.map((act) => act.phone_numbers)).toEqual(first.ledger.portal.map((act) => act.phone_numbers));
    expect(other.transcript).not.toEqual(first.transcript);
  });

  it('a file with a mistake is refused at the start, with the place and the word that was meant', async () => {
    const start = (path: string) => run(['simulate', '--port', '0', '--numbers', '100', '--owned', '1', '--faults', path], {});
    const misspelt = await start(
      file('misspelt.json', { faults: [{ kind: 'html' }, { kind: 'error_before', probabilty: 0.5 }] }),
    );
    expect([misspelt.code, misspelt.stdout]).toEqual([2, '']);
    expect(misspelt.stderr).toContain('faults[1].probabilty: unknown key; did you mean "probability"?');
    const wrong = await start(file('wrong.json', [{ kind: 'rate_limited', match: { famly: 'orders' }, times: 'many' }]));
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('faults[0].match.famly');
    expect(wrong.stderr).toContain('faults[0].times');
    const broken = await start(file('broken.json', '[{'));
    expect([broken.code, broken.stdout]).toEqual([2, '']);
    expect(broken.stderr).toContain('broken.json');
  });
});
