// An app with a BullMQ queue of its own: a job is a campaign that needs numbers. Needs REDIS_URL.
//   npm run bullmq-app
import { Queue, QueueEvents, Worker } from 'bullmq';
import { createProvisioner } from 'provisioner';

interface Campaign {
  name: string;
  areaCode: string;
  numbers: number;
}

const { hostname: host, port } = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const connection = { host, port: Number(port) };
const provisioner = createProvisioner({ actor: 'bullmq-app.ts' });

const queue = new Queue<Campaign>('campaigns', { connection });
const events = new QueueEvents('campaigns', { connection });
const worker = new Worker<Campaign, string[]>(
  'campaigns',
  async ({ id, data: { name, areaCode, numbers } }) => {
    const request = await provisioner.buy(
      { label: name, lines: [{ national_destination_code: areaCode, quantity: numbers }], max_upfront_cost: '20.00' },
      // BullMQ may run a job twice. The key of the job makes both runs one request.
      { idempotencyKey: `campaign-${id}` },
    );
    await provisioner.waitFor(request.id);
    const bought: string[] = [];
    for await (const { phone_number } of provisioner.items(request.id, { status: 'succeeded' }))
      if (phone_number !== null) bought.push(phone_number);
    return bought;
  },
  { connection, concurrency: 20 },
);

await events.waitUntilReady();
const job = await queue.add('launch', { name: 'New York', areaCode: '646', numbers: 3 }, { removeOnComplete: 1_000 });
const bought = await job.waitUntilFinished(events, 300_000);
console.log(`job ${job.id} has ${bought.length} numbers: ${bought.join(', ')}`);

await worker.close();
await events.close();
await queue.close();
await provisioner.close();
