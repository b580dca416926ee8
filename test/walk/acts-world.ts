import type { Fault } from '../../src/simulator/index.ts';
import { count, type Notes, tell } from './notes.ts';
import { API_KEY } from './outlets.ts';

const ORDERS = { method: 'POST', path: '/number_orders' };
const JOBS = { method: 'POST', path: '^/(phone_numbers/jobs|messaging_numbers_bulk_updates)' };
const WRITES = [ORDERS, JOBS] as const;

/** The shapes in which Telnyx refuses an order whose numbers are not available. */
const SHAPES = ['10027', '10027', '85001', 'conflict', 'conflict_10012'] as const;

/** Faults that strike a few times. Stalls are left out: deadlines run on the real clock. */
const FAULTS: readonly { weight: number; value: (notes: Notes) => Fault }[] = [
  { weight: 6, value: ({ choice }) => ({ kind: 'accept_then_drop', match: choice.one(WRITES) }) },
  { weight: 2, value: ({ choice }) => ({ kind: 'accept_half_body', match: choice.one(WRITES) }) },
  { weight: 3, value: ({ choice }) => ({ kind: 'error_after', match: choice.one(WRITES) }) },
  { weight: 4, value: ({ choice }) => ({ kind: 'error_before', match: choice.one(WRITES) }) },
  { weight: 2, value: () => ({ kind: 'error_before', match: { method: 'GET' } }) },
  { weight: 1, value: ({ choice }) => ({ kind: 'error_before', status: 409, code: '10036', match: choice.one(WRITES) }) },
  { weight: 1, value: ({ choice }) => ({ kind: 'conflict', match: choice.one(WRITES) }) },
  { weight: 1, value: ({ choice }) => ({ kind: 'refuse_connection', match: choice.one(WRITES) }) },
  { weight: 1, value: ({ choice }) => ({ kind: 'html', match: choice.one(WRITES) }) },
  { weight: 1, value: ({ choice }) => ({ kind: 'no_id', match: choice.one(WRITES) }) },
  {
    weight: 3,
    value: () => ({ kind: 'error_before', status: 404, code: '10005', match: { method: 'GET', path: '^/number_orders/.+' } }),
  },
  {
    weight: 1,
    value: () => ({
      kind: 'error_before',
      status: 404,
      code: '10005',
      match: { method: 'GET', path: '^/phone_numbers/jobs/.+' },
    }),
  },
  { weight: 2, value: ({ choice }) => ({ kind: 'sold_to_other', count: choice.int(1, 2), mode: 'line' }) },
  {
    weight: 6,
    value: ({ choice }) => ({ kind: 'sold_to_other', count: choice.int(1, 2), mode: 'order', shape: choice.one(SHAPES) }),
  },
  {
    weight: 3,
    value: ({ choice }) => ({
      kind: 'sell_between',
      fraction: choice.one([0.1, 0.4]),
      stale: choice.chance(0.3),
      shape: choice.one(SHAPES),
    }),
  },
  // The general refusal with the code that otherwise names numbers, and a 409 without a reason.
  { weight: 2, value: () => ({ kind: 'error_before', match: ORDERS, status: 422, code: '10027', detail: 'not reachable here' }) },
  { weight: 2, value: () => ({ kind: 'error_before', match: ORDERS, status: 409, code: 'none' }) },
  { weight: 1, value: () => ({ kind: 'masked_numbers' }) },
  { weight: 2, value: ({ choice }) => ({ kind: 'order_failure', return_to_pool: choice.chance(0.5) }) },
  { weight: 1, value: () => ({ kind: 'order_cancelled' }) },
  {
    weight: 3,
    value: ({ choice }) => ({
      kind: 'order_partial',
      count: 1,
      order_status: choice.one(['success', 'failure']),
      return_to_pool: choice.chance(0.3),
    }),
  },
  { weight: 2, value: ({ choice }) => ({ kind: 'order_pending', ms: choice.int(1, 40) * 60_000 }) },
  { weight: 2, value: () => ({ kind: 'paperwork' }) },
  { weight: 3, value: () => ({ kind: 'job_partial', count: 1 }) },
  {
    weight: 2,
    value: ({ choice }) => ({ kind: 'job_failed', fraction: choice.one([0.5, 1]), list_leftovers: choice.chance(0.5) }),
  },
  {
    weight: 2,
    value: ({ choice }) => ({
      kind: 'job_expired',
      fraction: 0.5,
      effect: choice.chance(0.4),
      list_leftovers: choice.chance(0.5),
    }),
  },
  { weight: 2, value: ({ choice }) => ({ kind: 'job_hang', ms: choice.int(1, 20) * 60_000 }) },
  { weight: 1, value: () => ({ kind: 'job_duplicates' }) },
  { weight: 2, value: ({ choice }) => ({ kind: 'job_lost_entry', effect: choice.chance(0.5) }) },
  { weight: 1, value: () => ({ kind: 'messaging_partial', count: 1 }) },
  { weight: 2, value: () => ({ kind: 'page_fails', page: 1 }) },
  { weight: 1, value: ({ choice }) => ({ kind: 'total_off', by: choice.one([-2, 3]) }) },
];

export function armFault(notes: Notes): void {
  const plain = notes.choice.weighted(FAULTS)?.(notes);
  if (plain === undefined) return;
  const fault = echoing(notes, plain);
  const times = notes.choice.weighted([
    { weight: 6, value: 1 },
    { weight: 2, value: 2 },
    { weight: 1, value: 6 },
  ]);
  notes.world.simulator.faults({ faults: [{ ...fault, ...(times !== undefined && { times }) }] });
  count(notes, `fault:${fault.kind}${fault.detail === undefined ? '' : ' that echoes the key'}`);
  tell(notes, `fault ${JSON.stringify({ ...fault, times }).replaceAll(API_KEY, '(the key)')}`);
}

const LONG_LAG_MS = 1_200_000;
const HOUR_MS = 3_600_000;

/** Some errors repeat what was sent to them, the key among it. */
function echoing(notes: Notes, fault: Fault): Fault {
  const isError = fault.kind === 'error_before' || fault.kind === 'error_after' || fault.kind === 'conflict';
  return isError && notes.choice.chance(0.4)
    ? { ...fault, detail: `refused: Authorization: Bearer ${API_KEY}, key=${API_KEY}` }
    : fault;
}

/**
 * Sets lags within the settling window. Sometimes the list of numbers lags far longer, and ownership must correct it. Sometimes
 * orders and ownership lag far longer, and then no evidence can be right.
 */
export function changeLag(notes: Notes, chosen?: 'list'): void {
  const { choice } = notes;
  const span = (most: number) => choice.int(0, most) * 1_000;
  const kind = chosen ?? choice.one(['short', 'short', 'short', 'list', 'list', 'long'] as const);
  const lags = {
    short: () => ({ orders: span(90), ownership: span(90), inventory: span(100), deletions: span(60), forMs: 3_600_000 }),
    list: () => ({
      orders: span(90),
      ownership: span(90),
      inventory: HOUR_MS / 2 + span(28_000),
      deletions: span(60),
      forMs: 10 * HOUR_MS,
    }),
    long: () => ({ orders: span(900), ownership: span(choice.one([20, 600])), inventory: span(60), forMs: LONG_LAG_MS }),
  };
  const fault: Fault = { kind: 'lag', ...lags[kind]() };
  const now = notes.world.now();
  if (kind === 'long') notes.longLags.push({ from: now, until: now + LONG_LAG_MS });
  notes.world.simulator.faults({ faults: [fault] });
  count(notes, `lag:${kind}`);
  tell(notes, `lag ${JSON.stringify(fault)}`);
}

export function brokenAccount(notes: Notes): void {
  const { choice } = notes;
  const kind = choice.one(['insufficient_funds', 'insufficient_funds', 'account_inactive'] as const);
  notes.world.simulator.faults({ faults: [{ kind, times: choice.int(1, 4) }] });
  tell(notes, kind);
}

export function clearFaults(notes: Notes): void {
  notes.world.simulator.faults({ clear: true });
  notes.world.simulator.closeForeignJobs();
  for (const lag of notes.longLags) lag.until = Math.min(lag.until, notes.world.now());
  tell(notes, 'faults off');
}

type PortalAct = readonly [name: string, act: (notes: Notes, numbers: string[]) => void];

const PORTAL: readonly { weight: number; value: PortalAct }[] = [
  { weight: 1, value: ['release', ({ world }, numbers) => world.simulator.releaseInPortal(numbers)] },
  {
    weight: 1,
    value: [
      'port out',
      (notes, numbers) => {
        notes.world.simulator.portOut(numbers);
        for (const n of numbers) notes.portedOut.add(n);
      },
    ],
  },
  { weight: 2, value: ['lock', ({ world, choice }, numbers) => world.simulator.lock(numbers, choice.chance(0.7))] },
  { weight: 2, value: ['protect', ({ world }, numbers) => world.simulator.setTags(numbers, ['protected'])] },
  {
    weight: 1,
    value: [
      'tags',
      ({ world, choice }, numbers) => world.simulator.setTags(numbers, choice.some(['solar', 'legacy', 'fresh'], 2)),
    ],
  },
  {
    weight: 2,
    value: [
      'emergency',
      ({ world, choice }, numbers) => world.simulator.setEmergency(numbers, choice.one(['active', 'disabled', 'provisioning'])),
    ],
  },
  {
    weight: 1,
    value: ['connection', ({ world }, numbers) => world.simulator.setOwnedField(numbers, 'connection_id', '1293384261075731500')],
  },
  {
    weight: 1,
    value: [
      'buy',
      (notes) => {
        for (const n of notes.world.simulator.buyInPortal(2)) notes.portalBought.add(n);
      },
    ],
  },
  { weight: 1, value: ['foreign jobs', ({ world, choice }) => world.simulator.openForeignJobs(choice.int(1, 4))] },
  { weight: 0.5, value: ['no foreign jobs', ({ world }) => world.simulator.closeForeignJobs()] },
];

/**
 * People act in the portal, and other customers buy. They prefer numbers that a request works on, or the requests would never
 * meet them.
 */
export function portalAct(notes: Notes): void {
  const { choice, world } = notes;
  const owned = world.simulator.ownedNumbers().filter((n) => !notes.portedOut.has(n));
  const named = new Set([...notes.known.items.values()].map((i) => i.phone_number));
  const met = owned.filter((n) => named.has(n));
  const numbers = choice.some(met.length > 0 && choice.chance(0.6) ? met : owned, choice.int(1, 3));
  const chosen = choice.weighted(PORTAL);
  if (chosen === undefined) return;
  const [name, act] = chosen;
  for (const n of numbers) notes.touched.set(n, notes.step);
  act(notes, numbers);
  for (const n of numbers) notes.setByPeople.set(`${n} ${name}`, notes.step);
  count(notes, `portal:${name}`);
  tell(notes, `portal: ${name} ${numbers.join(' ')}`);
}

/** An authority decides about orders that wait for paperwork. */
export function decidePaperwork(notes: Notes, waitedMs = 0): void {
  const { choice, world } = notes;
  const by = world.now() - waitedMs;
  const pending = world.simulator.ledger().orders.filter((o) => o.status === 'pending' && Date.parse(o.at) <= by);
  const order = choice.maybe(pending);
  if (order === undefined) return;
  const decision = choice.one(['approve', 'decline', 'cancel'] as const);
  world.simulator.decideOrder(order.id, decision);
  count(notes, `paperwork:${decision}`);
  tell(notes, `paperwork of ${order.customer_reference}: ${decision}`);
}

/** Ordinary lags stay below this. */
const LONGEST_SHORT_LAG_MS = 100_000;

/** A call that was lost on its way arrives now. Nobody gets its reply. */
export async function lateArrival(notes: Notes, all = false): Promise<void> {
  const calls = all ? notes.late.splice(0) : notes.late.splice(Math.floor(notes.choice.unit() * notes.late.length), 1);
  for (const call of calls) {
    const [chunk] = await notes.world.sql<{ state: string }[]>`select state from chunks where id = ${call.chunkId}`;
    // Every check had said no, and the chunk is over. A purchase that arrives now is a surplus that nobody could foresee.
    const isOver = chunk?.state === 'settled' || chunk?.state === 'cancelled';
    // The copy of an order that Telnyx has accepted. The chunk follows the first order, and no check shows the other one in time.
    const isCopy = call.name === 'doubled createOrder' && (isOver || chunk?.state === 'submitted');
    if (isOver || isCopy) for (const n of call.numbers) notes.excused.add(n);
    if (notes.world.now() - call.leftAt + LONGEST_SHORT_LAG_MS >= notes.world.deps.timings.settleMs)
      for (const n of call.numbers) notes.tooLate.add(n);
    const came = await call.send().then(
      () => 'taken',
      (error: unknown) => String(error).slice(0, 90),
    );
    if (came === 'taken' && isCopy) count(notes, 'surplus of a doubled order');
    count(notes, `late ${call.name}: ${came === 'taken' ? 'taken' : 'refused'}`);
    tell(notes, `late ${call.name} (chunk ${chunk?.state}): ${came}`);
  }
}
