// Launches a campaign from a script: buys numbers, waits until every number has an end, and prints each with its price.
//   npm run launch -- chicago-1
import { createProvisioner, ProvisioningError } from 'provisioner';

const [, , campaign = 'chicago-1'] = process.argv;
const provisioner = createProvisioner({ actor: 'launch.ts' });
try {
  const request = await provisioner.buy(
    {
      label: campaign,
      lines: [{ national_destination_code: '312', features: ['voice'], quantity: 5, fallback: { best_effort: true } }],
      assign: { tags: [campaign] },
      max_upfront_cost: '20.00',
      max_monthly_cost: '20.00',
    },
    // The same key gives the same request: a script that is started twice buys once.
    { idempotencyKey: campaign },
  );
  const ended = await provisioner.waitFor(request.id, { timeoutMs: 300_000 });
  for await (const { phone_number, status, monthly_cost, currency, reason } of provisioner.items(ended.id))
    console.log(
      [phone_number ?? '-', status, status === 'succeeded' ? `${monthly_cost} ${currency} a month` : reason].join('  '),
    );
  console.log(`${ended.id} ${ended.status}: ${ended.counts.succeeded} of ${ended.counts.asked}, ${ended.cost.upfront} upfront`);
  if (ended.status !== 'succeeded') process.exitCode = 3;
} catch (error) {
  if (!(error instanceof ProvisioningError)) throw error;
  for (const { path, message } of error.details) console.error(`${path}: ${message}`);
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await provisioner.close();
}
