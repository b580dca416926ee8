import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import Telnyx from 'telnyx';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Fault, type Simulator, startSimulator } from '../../src/simulator/index.ts';

interface Delivery {
  body: string;
  headers: Record<string, string>;
}

let clock = Date.now();
let simulator: Simulator;
let client: Telnyx;
let receiver: Server;
let deliveries: Delivery[];
let answers: number[];

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

beforeEach(async () => {
  deliveries = [];
  answers = [];
  receiver = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      deliveries.push({ body, headers: plain(request.headers) });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const address = receiver.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  simulator = await startSimulator({
    numbers: 2000,
    owned: 5,
    now: () => clock,
    webhookUrl: `http://127.0.0.1:${port}/hook`,
    webhookPayload: 'full',
  });
  client = new Telnyx({ apiKey: 'KEY_SIM', publicKey: simulator.publicKey, baseURL: simulator.url, maxRetries: 0 });
});

afterEach(async () => {
  await simulator.stop();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

async function order(...faults: Fault[]): Promise<string> {
  const filter = { country_code: 'US', phone_number_type: 'local' as const, limit: 1 };
  const { data = [] } = await client.availablePhoneNumbers.list({ filter });
  simulator.faults({ clear: true, faults });
  const created = await client.numberOrders.create({
    phone_numbers: data.map((row) => ({ phone_number: row.phone_number ?? '' })),
    customer_reference: 'mine',
  });
  clock += 1200;
  return created.data?.id ?? '';
}

async function arrived(count: number): Promise<void> {
  await vi.waitFor(() => expect(deliveries).toHaveLength(count), { timeout: 4000, interval: 10 });
}

/** Waits for the answers too: the ledger has a delivery once its answer is there. Returns the last two. */
async function written(count: number) {
  await vi.waitFor(() => expect(simulator.ledger().webhooks).toHaveLength(count), { timeout: 4000, interval: 10 });
  return simulator.ledger().webhooks.slice(-2);
}

/** The order ids of the deliveries whose signature holds, in order of arrival. */
async function verified(): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  for (const { body, headers } of deliveries) {
    const event = await client.webhooks.unwrap(body, { headers }).catch(() => undefined);
    if (
      event &&
      'data' in event &&
      event.data &&
      'event_type' in event.data &&
      event.data.event_type === 'number_order.complete'
    ) {
      ids.push(event.data.payload.id);
    }
  }
  return ids;
}

it('signs what the SDK verifies, and tries again up to three times', async () => {
  answers = [500, 302];
  const id = await order();
  await arrived(3);
  expect(await verified()).toEqual([id, id, id]);
  const events = deliveries.map(
    ({ body }) => JSON.parse(body) as { data: { id: string; payload: object }; meta: { attempt: number } },
  );
  expect(events.map((event) => event.meta.attempt)).toEqual([1, 2, 3]);
  expect(new Set(events.map((event) => event.data.id)).size).toBe(1);
  expect(events[0]?.data.payload).toMatchObject({ status: 'success', phone_numbers: [{ status: 'success' }] });
});

it('double, forged and foreign events', async () => {
  const id = await order({ kind: 'webhook_double' });
  await arrived(2);
  expect(await verified()).toEqual([id, id]);
  deliveries = [];
  const forged = await order({ kind: 'webhook_forged' });
  await arrived(2);
  expect(await verified()).toEqual([forged]);
  deliveries = [];
  const own = await order({ kind: 'webhook_foreign_order' });
  await arrived(2);
  const ids = await verified();
  expect(ids).toHaveLength(2);
  expect(ids).toContain(own);
  expect(new Set(ids).size).toBe(2);
  // Nothing of the stranger's order is ours: neither its numbers nor its reference.
  const [foreign = ''] = deliveries.map(({ body }) => body).filter((body) => !body.includes(own));
  expect(foreign).toContain('"customer_reference":"somebody-else"');
  for (const { phone_number } of simulator.ledger().bought) expect(foreign).not.toContain(phone_number);
});

it('writes down every delivery and its answer', async () => {
  answers = [401];
  const id = await order();
  expect(await written(2)).toMatchObject([
    { order_id: id, kind: 'genuine', attempt: 1, status: 401 },
    { order_id: id, kind: 'genuine', attempt: 2, status: 200 },
  ]);
  await order({ kind: 'webhook_forged' });
  expect((await written(4)).map((sent) => sent.kind).sort()).toEqual(['forged', 'genuine']);
});

it('late and out of order', async () => {
  const late = await order({ kind: 'webhook_late', ms: 60_000, times: 1 });
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(deliveries).toEqual([]);
  clock += 60_000;
  await arrived(1);
  expect(await verified()).toEqual([late]);
  deliveries = [];
  const first = await order({ kind: 'webhook_out_of_order', times: 1 });
  simulator.ledger();
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(deliveries).toEqual([]);
  const second = await order();
  await arrived(2);
  expect(await verified()).toEqual([second, first]);
});

it.each([[{ kind: 'webhook_double' }], [{ kind: 'webhook_foreign_order' }], [{ kind: 'webhook_forged' }]] as const)(
  'as documented, no event says which order it is of or how it ended, but each has the reference: %j',
  async (fault) => {
    simulator.behave({ webhookPayload: 'documented' });
    const id = await order(fault);
    await arrived(2);
    const payloads = deliveries.map(({ body }) => (JSON.parse(body) as { data: { payload: object } }).data.payload);
    for (const payload of payloads) {
      expect(payload).not.toHaveProperty('id');
      expect(payload).not.toHaveProperty('status');
      expect(payload).toMatchObject({ record_type: 'number_order', phone_numbers: [{ status: 'success' }] });
    }
    expect(payloads).toContainEqual(expect.objectContaining({ customer_reference: 'mine' }));
    const foreign =
      fault.kind === 'webhook_foreign_order' ? [expect.objectContaining({ customer_reference: 'somebody-else' })] : [];
    expect(payloads).toEqual(expect.arrayContaining(foreign));
    expect((await written(2)).map((sent) => sent.order_id)).toContain(id);
  },
);
