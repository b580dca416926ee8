import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { customerReferenceOf, newChunkId } from '../../src/db/ids.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { resolveChunk } from '../../src/producers/actions/decide.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import type { Offer } from '../../src/telnyx/gateway.ts';
import { disagreements } from '../support/agreement.ts';
import { type Harness, openHarness } from '../support/harness.ts';
import { fileAsBefore, migrateBefore, type OldChunk, type OldNumber, rawClient } from '../support/old-database.ts';
import { fileDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const database = await fileDatabase({ beforeEach, afterAll, template: false });
await migrateBefore(database.url, '0009_payload_and_evidence');
const h: Harness = await openHarness({ database, simulator: { owned: 60 } });
const sql = rawClient(database.url);
afterAll(async () => {
  await sql.end();
  await h.close();
});

const { telnyx } = h.deps;
const [profile = ''] = SIMULATED_ACCOUNT.messagingProfileIds;
const [address = ''] = SIMULATED_ACCOUNT.emergencyAddressIds;
const [, connection = ''] = SIMULATED_ACCOUNT.connectionIds;
const ORDER = { kind: 'order', settings: {} };
const RELEASE = { kind: 'delete', include_locked: true, include_emergency: false };
const LONG_AGO = '2026-01-01T10:00:00.000Z';

/** Two numbers a chunk: from the search for buys, of the account for everything else. */
const PER_CHUNK = 2;
const offers: Offer[] = (
  await telnyx.search({
    countryCode: 'US',
    phoneNumberType: 'local',
    nationalDestinationCode: '312',
    bestEffort: false,
    limit: 60,
  })
).offers;
const owned = h.sim.ownedNumbers();
const onSale = () => offers.splice(0, PER_CHUNK);
const ours = (): OldNumber[] => owned.splice(0, PER_CHUNK).map((phoneNumber) => ({ phoneNumber }));
const plain = (numbers: OldNumber[]) => numbers.map((n) => n.phoneNumber);

/** How often Telnyx got a call with these numbers in the end, before and after the upgrade together. */
type Calls = Partial<Record<'order' | 'change' | 'release', number>>;

/** What must come of a case. */
interface Filed {
  id: string;
  numbers: string[];
  /** How each number ends, with the reason. */
  ends: string[];
  calls: Calls;
}
const filed = new Map<string, Filed>();
const ALL_SUCCEED = ['succeeded', 'succeeded'];

type How = Partial<OldChunk> & { state: string };

function note(name: string, entry: Filed): void {
  if (filed.has(name)) throw new Error(`two cases are called ${name}`);
  filed.set(name, entry);
}

/** A buy. `made`: its order reached Telnyx, whether its reply did or not. */
async function buy(name: string, how: How, { made = false, known = false, ends = ALL_SUCCEED, orders = 1 } = {}): Promise<void> {
  const [id, numbers] = [newChunkId(), onSale()];
  const order = made ? await telnyx.createOrder(plain(numbers), customerReferenceOf(id), {}) : null;
  const chunk = { step: ORDER, numbers, id, ...(known && order !== null && { telnyxId: order.id }), ...how };
  note(name, { id: await fileAsBefore(sql, { kind: 'buy' }, [chunk]), numbers: plain(numbers), ends, calls: { order: orders } });
}

interface BatchOptions {
  kind?: 'update' | 'delete';
  body?: object;
  /** Makes the job at Telnyx; answers its id. */
  made?: (numbers: string[]) => Promise<{ id: string }>;
  /** True when the row has the id of the job. */
  known?: boolean;
  numbers?: OldNumber[];
  ends?: string[];
  calls: Calls;
}

async function batch(name: string, how: How & { step: OldChunk['step'] }, options: BatchOptions): Promise<void> {
  const { kind = 'update', body = {}, numbers = ours(), ends = ALL_SUCCEED, calls } = options;
  const job = options.made === undefined ? null : await options.made(plain(numbers));
  const chunk = { numbers, ...(options.known === true && job !== null && { telnyxId: job.id }), ...how };
  const id = await fileAsBefore(sql, { kind, body }, [chunk]);
  note(name, { id, numbers: plain(numbers), ends, calls });
}

const sent = (more: object = {}) => ({ because: 'sent', looks: [], ...more });
const lost = (more: object = {}) => ({ because: 'network_error', looks: [], ...more });
const look = (n: number, more: object = {}) => ({ at: LONG_AGO, found: [], owned: n, ...more });

async function buysAsBefore(): Promise<void> {
  await buy('planned', { state: 'planned' });
  const later = new Date(Date.now() + 60_000).toISOString();
  const cut = { because: 'cut_from_order', looks: [], lateUntil: later, bisect: { of: 'chk_other' } };
  await buy('planned, cut out of another', { state: 'planned', evidence: cut });
  await buy('submitting, lease running, taken', { state: 'submitting', evidence: sent(), leaseMs: 1_500 }, { made: true });
  await buy('submitting, lease over, never left', { state: 'submitting', evidence: sent(), leaseMs: -500 });
  await buy(
    'submitting, lease over, taken',
    { state: 'submitting', evidence: sent({ resent: 1 }), leaseMs: -500 },
    { made: true },
  );
  await buy('submitted', { state: 'submitted', evidence: sent() }, { made: true, known: true });
  const checked = sent({ looks: [look(0, { found: ['ord'] })] });
  await buy('submitted, checked', { state: 'submitted', evidence: checked }, { made: true, known: true });
  await buy('ambiguous, never left', { state: 'ambiguous', evidence: lost({ looks: [look(0)] }) });
  await buy('ambiguous, taken', { state: 'ambiguous', evidence: lost() }, { made: true });
  await buy('ambiguous, resent, never left', { state: 'ambiguous', attempt: 2, evidence: lost({ resent: 1 }) });
  await buy('ambiguous, resent, taken', { state: 'ambiguous', attempt: 2, evidence: lost({ resent: 1 }) }, { made: true });
  const declared = lost({ declared: true, looks: [look(0), look(0)] });
  await buy('ambiguous, declared, taken', { state: 'ambiguous', attempt: 2, evidence: declared }, { made: true });
  const named = lost({ because: 'numbers_gone', named: [offers[0]?.phoneNumber ?? ''] });
  await buy('ambiguous, one number refused', { state: 'ambiguous', evidence: named });
  // It must not go out a sixth time, which only the history knows.
  const often = { state: 'ambiguous', attempt: 6, evidence: lost({ resent: 5 }) };
  await buy('ambiguous, resent too often', often, { ends: ['failed given_up', 'failed given_up'], orders: 0 });
  const parked = lost({ looks: [look(1)], ownedNumbers: ['+13125550100'], conclusion: 'they contradict' });
  await buy('parked, taken', { state: 'needs_attention', evidence: parked }, { made: true });
  await buy('parked, never left', { state: 'needs_attention', evidence: parked });
}

/** Telnyx waits for paperwork that is approved after the upgrade. The version before has seen one of the order lines as failed. */
async function paperworkAsBefore(): Promise<void> {
  h.faults({ kind: 'paperwork', times: 1 });
  const [id, numbers] = [newChunkId(), onSale()];
  const order = await telnyx.createOrder(plain(numbers), customerReferenceOf(id), {});
  const failedLines = { [numbers[0]?.phoneNumber ?? '']: { since: LONG_AGO, looks: 1 } };
  const waits = { waiting: true, deadline: new Date(Date.now() + 3_600_000), polls: 3 };
  const chunk = {
    state: 'submitted',
    step: ORDER,
    numbers,
    id,
    telnyxId: order.id,
    evidence: sent({ failedLines }),
    more: waits,
  };
  const request = await fileAsBefore(sql, { kind: 'buy' }, [chunk]);
  note('waiting for paperwork', { id: request, numbers: plain(numbers), ends: ALL_SUCCEED, calls: { order: 1 } });
}

/** Of a halved order one half was refused and waits, while the other half is with Telnyx, which accepts it. */
async function halvesAsBefore(): Promise<void> {
  const [id, refused, open] = [newChunkId(), onSale(), onSale()];
  const order = await telnyx.createOrder(plain(open), customerReferenceOf(id), {});
  const half = (more: object = {}) => ({ bisect: { of: 'chk_halved', ...more } });
  const request = await fileAsBefore(sql, { kind: 'buy' }, [
    {
      state: 'planned',
      step: ORDER,
      numbers: refused,
      attempt: 1,
      evidence: { because: 'x', looks: [], ...half({ refused: 'x' }) },
    },
    { state: 'submitted', step: ORDER, numbers: open, id, telnyxId: order.id, evidence: sent(half()) },
  ]);
  note('halves', { id: request, numbers: plain(refused), ends: [...ALL_SUCCEED, ...ALL_SUCCEED], calls: { order: 1 } });
}

const TAGS = { add: ['new'], remove: [] };
/** What the account has, and what the version before had merged from what it read earlier. */
const [HAS, MERGED, WANTED] = [
  ['kept', 'since'],
  ['kept', 'new'],
  ['kept', 'new', 'since'],
];
const MERGE = { kind: 'update', settings: { tags: MERGED }, tags: TAGS };
const ONCE = { calls: { change: 1 } };

async function updatesAsBefore(): Promise<void> {
  const tagged = (has: string[]): OldNumber[] => {
    const numbers = ours();
    h.sim.setTags(plain(numbers), has);
    return numbers;
  };
  const merge = (numbers: string[]) => telnyx.updateNumbers(numbers, { tags: MERGED });
  const asked = { ...ONCE, body: { set: { add_tags: ['new'] } } };
  await batch('tags, planned', { state: 'planned', step: MERGE }, { ...asked, numbers: tagged(HAS) });
  const waits = { because: 'job_cap', looks: [] };
  await batch('tags, put back', { state: 'planned', step: MERGE, evidence: waits }, { ...asked, numbers: tagged(HAS) });
  const over = { state: 'submitting', step: MERGE, evidence: sent(), leaseMs: -500 };
  await batch('tags, never left', over, { ...asked, numbers: tagged(HAS) });
  await batch(
    'tags, open at Telnyx',
    { state: 'submitted', step: MERGE, evidence: sent() },
    { ...asked, made: merge, known: true },
  );
  await batch('tags, reply lost', { state: 'ambiguous', step: MERGE, evidence: lost() }, { ...asked, made: merge });
  const connect = { kind: 'update', settings: { connection_id: connection } };
  const set = { ...ONCE, body: { set: { connection_id: connection } } };
  await batch('update, never left', { state: 'ambiguous', step: connect, evidence: lost({ resent: 1 }) }, set);
  const parked = lost({ resent: 5, conclusion: 'the reply was lost 6 times' });
  await batch('update, parked', { state: 'needs_attention', step: connect, evidence: parked }, set);
}

async function othersAsBefore(): Promise<void> {
  const messaging = { kind: 'messaging', messaging_profile_id: profile };
  const assign = {
    ...ONCE,
    body: { set: { messaging_profile_id: profile } },
    made: (n: string[]) => telnyx.updateMessaging(n, profile),
  };
  await batch('messaging, open', { state: 'submitted', step: messaging, evidence: sent() }, { ...assign, known: true });
  // Telnyx has no list of bulk updates, so the call goes out again and sets the same value.
  await batch(
    'messaging, reply lost',
    { state: 'ambiguous', step: messaging, evidence: lost() },
    { ...assign, calls: { change: 2 } },
  );
  const emergency = { kind: 'emergency', emergency_enabled: true, emergency_address_id: address };
  const enable = {
    body: { set: { emergency_address_id: address } },
    made: (n: string[]) => telnyx.updateEmergency(n, true, address),
    ...ONCE,
  };
  const readBack = { because: 'read back', looks: [look(0)] };
  await batch('emergency, checked', { state: 'submitted', step: emergency, evidence: readBack }, { ...enable, known: true });
  await batch('emergency, reply lost', { state: 'ambiguous', step: emergency, evidence: lost() }, enable);
}

async function releasesAsBefore(): Promise<void> {
  const made = (n: string[]) => telnyx.deleteNumbers(n);
  const release = { kind: 'delete' as const, calls: { release: 1 } };
  // Its lock was lifted once for this release, and somebody has set it again: it is kept.
  const locked = ours();
  h.sim.lock(plain(locked));
  const kept = { ...release, numbers: locked, ends: ['skipped still_locked', 'skipped still_locked'], calls: {} };
  await batch('release, unlocked before', { state: 'planned', step: { ...RELEASE, freed: ['lock'] } }, kept);
  const unlock = { kind: 'update', settings: { deletion_lock_enabled: false } };
  await batch(
    'release, being unlocked',
    { state: 'submitted', step: unlock, nextSteps: [{ ...RELEASE, freed: ['lock'] }], evidence: sent() },
    {
      ...release,
      made: (n) => telnyx.updateNumbers(n, { deletion_lock_enabled: false }),
      known: true,
      calls: { change: 1, release: 1 },
    },
  );
  const numbers = ours();
  const gone = plain(numbers);
  h.sim.releaseInPortal(gone);
  const hidden = Object.fromEntries(gone.map((n) => [n, { since: LONG_AGO, looks: 1 }]));
  const notReady = { [gone[0] ?? '']: { since: LONG_AGO, looks: 2 } };
  const streaks = { because: 'prepared', looks: [], hidden, notReady };
  const absent = { ...release, numbers, ends: ['skipped already_gone', 'skipped already_gone'], calls: {} };
  await batch('release, gone meanwhile', { state: 'planned', step: RELEASE, evidence: streaks }, absent);
  const released = { because: 'released', looks: [look(PER_CHUNK)] };
  await batch('release, over', { state: 'submitted', step: RELEASE, evidence: released }, { ...release, made, known: true });
  await batch('release, reply lost', { state: 'ambiguous', step: RELEASE, evidence: lost() }, { ...release, made });
  await batch('release, never left', { state: 'ambiguous', step: RELEASE, evidence: lost() }, release);
}

const of = (name: string): Filed => {
  const entry = filed.get(name);
  if (entry === undefined) throw new Error(`no case ${name}`);
  return entry;
};

async function decide(name: string, how: (chunkId: string) => Parameters<typeof resolveChunk>[3]): Promise<void> {
  const chunk = await until(`${name} waits for a person`, async () =>
    (await h.chunks(of(name).id)).find((c) => c.state === 'needs_attention'),
  );
  await resolveChunk(h.deps, of(name).id, chunk.id, how(chunk.id), 'anna');
}

const orderOf = (chunkId: string): string =>
  h.sim.ledger().orders.find((o) => o.customer_reference === customerReferenceOf(chunkId))?.id ?? '';

async function inventoryAsBefore(): Promise<void> {
  const { numbers } = await telnyx.listNumbers({ pageNumber: 1, pageSize: 250 });
  const at = new Date(Date.now() - 3_600_000);
  const rows = numbers.map((n) => ({
    phone_number: n.phoneNumber,
    telnyx_id: n.telnyxId,
    state: 'owned',
    status: n.status,
    connection_id: n.connectionId,
    tags: n.tags ?? [],
    last_seen_at: at,
    created_at: at,
    updated_at: at,
  }));
  await sql`insert into phone_numbers ${sql(rows)}`;
}

beforeAll(async () => {
  await inventoryAsBefore();
  await paperworkAsBefore();
  h.faults();
  await halvesAsBefore();
  await buysAsBefore();
  await updatesAsBefore();
  await othersAsBefore();
  await releasesAsBefore();
  await migrateDatabase(database.url);
  await h.start();
  h.sim.decideOrder(h.sim.ledger().orders.find((o) => o.status === 'pending')?.id ?? '', 'approve');
  await decide('parked, taken', (chunkId) => ({ kind: 'adopt', telnyxId: orderOf(chunkId) }));
  await decide('parked, never left', () => ({ kind: 'not_sent' }));
  await decide('update, parked', () => ({ kind: 'not_sent' }));
  await decide('ambiguous, resent too often', () => ({ kind: 'give_up' }));
  await Promise.all([...filed.values()].map((f) => h.ended(f.id)));
}, 60_000);

/** Distinct calls that had an effect on a number of the case, or that ordered it. */
function callsOf({ numbers }: Filed): Calls {
  const { orders, changed, released } = h.sim.ledger();
  const has = (n: { phone_number: string }) => numbers.includes(n.phone_number);
  const jobs = (list: { phone_number: string; job_id: string | null; at: string }[]) =>
    new Set(list.filter(has).map((c) => c.job_id ?? c.at)).size;
  const calls = {
    order: orders.filter((o) => numbers.some((n) => o.numbers.includes(n))).length,
    change: jobs(changed),
    release: jobs(released),
  };
  return Object.fromEntries(Object.entries(calls).filter(([, n]) => n > 0));
}

describe('an upgrade of a database with a call in every open state', () => {
  it('ends every number of every request', async () => {
    for (const [name, { id, ends }] of filed) {
      const items = await h.items(id);
      expect([name, items.map((i) => (i.reasonCode === null ? i.status : `${i.status} ${i.reasonCode}`))]).toEqual([name, ends]);
    }
  });

  it('ends with a database that agrees with the ledger and with what was asked', async () => {
    const those = (call: keyof Calls) => [...filed.values()].filter((f) => (f.calls[call] ?? 0) > 0);
    // Of the halved order only the refused half is noted.
    const bought = those('order').length * PER_CHUNK + PER_CHUNK;
    const asked = { requests: filed.size, bought, released: those('release').flatMap((f) => f.numbers) };
    const truth = { ledger: h.sim.ledger(), owned: h.sim.ownedNumbers() };
    expect(await disagreements(h.db.sql, truth, { wholeInventory: true, asked })).toEqual([]);
  });

  it('sends no call again that had reached Telnyx, and each other call once', () => {
    const wanted = ([name, f]: [string, Filed]) => [name, Object.fromEntries(Object.entries(f.calls).filter(([, n]) => n > 0))];
    expect([...filed].map(([name, f]) => [name, callsOf(f)])).toEqual([...filed].map(wanted));
  });

  it('merges tags anew where nothing was sent, and notes those that were sent elsewhere', async () => {
    for (const [name, tags] of [
      ['tags, planned', WANTED],
      ['tags, put back', WANTED],
      ['tags, never left', WANTED],
      ['tags, open at Telnyx', MERGED],
      ['tags, reply lost', MERGED],
    ] as const) {
      const rows = await sql`select tags from phone_numbers where phone_number = any(${of(name).numbers}::text[])`;
      expect([name, ...rows.map((r) => [...r['tags']].sort())]).toEqual([name, tags, tags]);
    }
  });
});
