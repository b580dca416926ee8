import { parseArgs } from 'node:util';
import { seconds, table } from '../src/cli/output.ts';
import type { RefusalShape } from '../src/simulator/index.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { openStage } from './support/stage.ts';

const HELP = `npm run bench:refusals [-- --small]

A buy of 250 numbers while 3 % of what a search shows is sold to others before it is ordered, in the shapes in which Telnyx is
known to refuse such an order. The waits and the request rates are those of production. About four minutes.

  --small   only the two shapes that say what they are about; about half a minute
`;

/** The share of the numbers on sale that others buy between search and order. */
const SOLD = 0.03;
const NUMBERS = 250;
/** The rates that the product starts with. */
const DEFAULT_RATES = 'search=2,orders=2,jobs=5,reads=10,messaging=2,ownership=5,reservations=1';

const SHAPES: { shape: RefusalShape; title: string; goalSeconds: number }[] = [
  { shape: '10027', title: '422 10027, names the numbers', goalSeconds: 30 },
  { shape: '85001', title: '409 85001, names none', goalSeconds: 30 },
  { shape: 'conflict', title: '409 without a code', goalSeconds: 240 },
];

interface Result {
  title: string;
  goalSeconds: number;
  ms: number;
  orders: number;
  refused: number;
  sold: number;
  searches: number;
}

const { values: flags } = parseArgs({ options: { small: { type: 'boolean' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true);

async function main(small: boolean): Promise<void> {
  const shapes = small ? SHAPES.filter((s) => s.shape !== 'conflict') : SHAPES;
  const results = await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const found: Result[] = [];
    for (const shape of shapes) found.push(await buyUnder(await server.database(), shape));
    return found;
  });
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = results.map((r) => [
    r.title,
    (r.ms / 1_000).toFixed(1),
    String(r.goalSeconds),
    String(r.orders),
    String(r.refused),
    String(r.sold),
    String(r.searches),
  ]);
  const head = [
    'refusal',
    right('seconds'),
    right('goal'),
    right('orders'),
    right('refused'),
    right('sold to others'),
    right('searches'),
  ];
  process.stdout.write(`${table(head, rows)}\n`);
  process.stderr.write(`${seconds(results.reduce((sum, r) => sum + r.ms, 0))} in all\n`);
}

/** One buy on a database and a simulator of its own; throws unless all of it succeeds and the ledger holds exactly these numbers. */
async function buyUnder(
  databaseUrl: string,
  { shape, title, goalSeconds }: { shape: RefusalShape; title: string; goalSeconds: number },
): Promise<Result> {
  const stage = await openStage({
    databaseUrl,
    redisUrl: null,
    orderSize: 100,
    rates: DEFAULT_RATES,
    timings: {},
    simulator: { seed: 1, numbers: 20_000, owned: 0, refusal: shape, latencyMs: { min: 15, max: 60 } },
  });
  try {
    stage.simulator.faults({ faults: [{ kind: 'sell_between', fraction: SOLD }] });
    const begun = Date.now();
    const lines = [
      { national_destination_code: '312', quantity: 150 },
      { national_destination_code: '773', quantity: 100 },
    ];
    await stage.run({ kind: 'buy', lines });
    const ms = Date.now() - begun;
    const ledger = stage.simulator.ledger();
    if (ledger.bought.length !== NUMBERS) throw new Error(`${ledger.bought.length} numbers were bought, not ${NUMBERS}`);
    const orders = ledger.calls.by_endpoint['POST /number_orders'] ?? {};
    const refused = Object.entries(orders).reduce((sum, [status, n]) => (status.startsWith('4') ? sum + n : sum), 0);
    const total = Object.values(orders).reduce((sum, n) => sum + n, 0);
    const searches = stage.calls().get('GET /available_phone_numbers') ?? 0;
    return { title, goalSeconds, ms, orders: total, refused, sold: ledger.sold_to_others.length, searches };
  } finally {
    await stage.stop();
  }
}
