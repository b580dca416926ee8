// A client made by openapi-typescript from the description of a real server, with each kind of call that it describes.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.d.ts';

const client = createClient<paths>({
  baseUrl: process.env['API_URL'] ?? '',
  headers: { authorization: `Bearer ${process.env['API_KEY'] ?? ''}` },
});

const body: components['schemas']['BuyRequest'] = {
  kind: 'buy',
  label: 'by a generated client',
  lines: [{ national_destination_code: '312', quantity: 3 }],
};
const created = await client.POST('/v1/requests', { body, headers: { 'idempotency-key': 'generated-client' } });
assert.equal(created.response.status, 202);
const id = created.data?.id ?? '';

let status: components['schemas']['Request']['status'] | undefined;
for (let tries = 0; tries < 600 && status !== 'succeeded' && status !== 'failed'; tries += 1) {
  ({ status } = (await client.GET('/v1/requests/{id}', { params: { path: { id } } })).data ?? {});
  await new Promise((resolve) => setTimeout(resolve, 200));
}
assert.equal(status, 'succeeded');
const items = await client.GET('/v1/requests/{id}/items', {
  params: { path: { id }, query: { limit: 10, status: 'succeeded' } },
});
assert.equal(items.data?.data.length, 3);
const costs: (string | null)[] = items.data?.data.map((item) => item.monthly_cost) ?? [];
assert.ok(costs.every((cost) => cost !== null));

// @ts-expect-error a quantity is a whole number
const wrong: components['schemas']['BuyRequest'] = { kind: 'buy', lines: [{ quantity: '3' }] };
const refused = await client.POST('/v1/requests', { body: wrong });
assert.equal(refused.response.status, 422);
assert.equal(refused.error?.error.details[0]?.message, 'must be a whole number from 1 to 10,000');

const [first] = items.data?.data ?? [];
const number = await client.GET('/v1/numbers/{e164}', { params: { path: { e164: first?.phone_number ?? '' } } });
assert.equal(number.data?.state, 'owned');
const run = await client.POST('/v1/reconciliations', {});
assert.equal(run.response.status, 202);
console.log(`the generated client bought ${items.data?.data.length} numbers`);
