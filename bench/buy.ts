import { parseArgs } from 'node:util';
import { table } from '../src/cli/output.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { openStage } from './support/stage.ts';

const HELP = `npm run bench:buy [-- --small]

How much longer than Telnyx takes does a buy over 20 area codes take? 5,000 numbers, 100 an order, orders take 3 s, and the rates
are those of production. Floor: full orders at the allowed rate, and the time of one order.

  --small   2,000 numbers in 8 area codes
`;

/** The rates that the product starts with. */
const DEFAULT_RATES = 'search=2,orders=2,jobs=5,reads=10,messaging=2,ownership=5,reservations=1';
const ORDERS_A_SECOND = 2;
const ORDER_SIZE = 100;
const ORDER_MS = 3_000;
const ON_SALE = 60_000;
const EACH = 250;
const AREAS = '312 773 872 646 917 415 213 310 305 512 737 214 469 713 702 602 303 206 404 720'.split(' ');

const { values: flags } = parseArgs({ options: { small: { type: 'boolean' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true ? 2_000 : 5_000);

async function main(numbers: number): Promise<void> {
  const { ms, calls, orders } = await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    return buy(await server.database(), numbers);
  });
  const least = numbers / ORDER_SIZE;
  const floorMs = (least / ORDERS_A_SECOND) * 1_000 + ORDER_MS;
  const right = (title: string) => ({ title, align: 'right' as const });
  const head = [
    'buy',
    right('orders'),
    right('least'),
    right('seconds'),
    right('floor'),
    right('ratio'),
    right('calls per 1,000'),
  ];
  const row = [
    `${numbers} numbers in ${numbers / EACH} area codes`,
    String(orders),
    String(least),
    (ms / 1_000).toFixed(1),
    (floorMs / 1_000).toFixed(1),
    (ms / floorMs).toFixed(2),
    ((calls / numbers) * 1_000).toFixed(1),
  ];
  process.stdout.write(`${table(head, [row])}\n`);
}

/** Buys as many numbers in each area code; throws unless the ledger holds exactly what was asked. */
async function buy(databaseUrl: string, numbers: number): Promise<{ ms: number; calls: number; orders: number }> {
  const stage = await openStage({
    databaseUrl,
    redisUrl: null,
    orderSize: ORDER_SIZE,
    rates: DEFAULT_RATES,
    timings: {},
    simulator: { seed: 1, numbers: ON_SALE, owned: 0, orderMs: ORDER_MS, balance: '10000000.00' },
  });
  try {
    const lines = AREAS.slice(0, numbers / EACH).map((ndc) => ({ national_destination_code: ndc, quantity: EACH }));
    const begun = Date.now();
    await stage.run({ kind: 'buy', lines });
    const ms = Date.now() - begun;
    const { bought } = stage.simulator.ledger();
    if (bought.length !== numbers) throw new Error(`${bought.length} numbers were bought, not ${numbers}`);
    const calls = stage.calls();
    return { ms, calls: [...calls.values()].reduce((sum, n) => sum + n, 0), orders: calls.get('POST /number_orders') ?? 0 };
  } finally {
    await stage.stop();
  }
}
