import { isDeepStrictEqual } from 'node:util';
import { Known } from './known.ts';
import { laggedNumbers } from './lags.ts';
import { cameTooLate, type Notes, Violation } from './notes.ts';
import { API_KEY } from './outlets.ts';
import { type ItemRow, NOTHING_SEEN, type NumberRow, type RequestRow, type Rows, takeSnapshot } from './snapshot.ts';
import { TABLES } from './world.ts';

/** What must be true when everything has ended. */
export async function checkEnd(notes: Notes): Promise<void> {
  const s = notes.known.rows();
  const open = s.requests.filter((r) => !r.ended);
  if (open.length > 0) throw new Violation('I6', 'a request has not ended', open);
  if (s.claims.length > 0) throw new Violation('I4', 'claims are left although everything has ended', s.claims);
  checkSold(notes, s);
  checkReleased(notes, s);
  checkUpdated(notes, s);
}

/** Every number that a buy calls bought was sold to us. */
function checkSold(notes: Notes, s: Rows): void {
  const bought = new Set([...notes.world.simulator.ledger().bought.map((b) => b.phone_number), ...notes.portalBought]);
  const buys = new Set(s.requests.filter((r) => r.kind === 'buy').map((r) => r.id));
  const wrong = s.items.find((i) => buys.has(i.request_id) && i.status === 'succeeded' && !bought.has(i.phone_number ?? ''));
  if (wrong !== undefined) throw new Violation('I7', 'an item of a buy succeeded although Telnyx sold nothing', wrong);
}

/** A number that Telnyx released through us is reported as released, and a number that is reported as released is not ours. */
function checkReleased(notes: Notes, s: Rows): void {
  const ledger = notes.world.simulator.ledger();
  const lagged = laggedNumbers(notes, ledger);
  const deletes = new Set(s.requests.filter((r) => r.kind === 'delete').map((r) => r.id));
  const items = s.items.filter((i) => deletes.has(i.request_id) && !lagged.has(i.phone_number ?? ''));
  const isGone = (i: ItemRow): boolean => i.status === 'succeeded' || i.reason_code === 'already_gone';
  const done = new Set(items.filter(isGone).map((i) => i.phone_number));
  const released = ledger.released.map((r) => r.phone_number).filter((n) => !lagged.has(n));
  const hidden = released.filter((n) => !done.has(n) && !cameTooLate(notes, n));
  if (hidden.length > 0) throw new Violation('I8', 'a number was released and its request does not say so', { hidden, items });
  const owned = new Set(notes.world.simulator.ownedNumbers().filter((n) => !notes.portedOut.has(n)));
  const kept = items.filter((i) => isGone(i) && owned.has(i.phone_number ?? ''));
  if (kept.length > 0) throw new Violation('I8', 'a number is reported as gone although it is ours', kept);
}

/** The acts of people in the portal, by the field that each sets. */
const ACTS_OF: Readonly<Record<string, readonly string[]>> = {
  connection_id: ['connection'],
  deletion_lock_enabled: ['lock'],
  emergency_enabled: ['emergency'],
  tags: ['tags', 'protect'],
};

/** The fields of a number that was bought meanwhile. */
const FRESH: Partial<NumberRow> = { tags: [], deletion_lock_enabled: false, emergency_enabled: false };

/** A number that an update (or the tags of a buy) calls changed was changed at Telnyx, or had these values before. */
function checkUpdated(notes: Notes, s: Rows): void {
  const changed = new Set<string>();
  for (const c of notes.world.simulator.ledger().changed)
    for (const [field, value] of Object.entries(c.fields)) changed.add(keyOf(c.phone_number, field, value));
  for (const b of attachedByOrders(s)) changed.add(b);
  for (const request of s.requests) {
    if (request.kind === 'delete') continue;
    const done = s.items.filter((i) => i.request_id === request.id && i.status === 'succeeded');
    for (const [field, value] of wantedOf(request)) {
      const wrong = done.filter((i) => {
        const n = i.phone_number ?? '';
        const before: unknown = (notes.initial.get(n) ?? FRESH)[field as keyof NumberRow];
        const byPeople = ACTS_OF[field]?.some((act) => notes.setByPeople.has(`${n} ${act}`)) === true;
        return !byPeople && !changed.has(keyOf(n, field, value)) && keyOf(n, field, before) !== keyOf(n, field, value);
      });
      if (wrong.length > 0) throw new Violation('I7', `an update of ${field} is reported as done and was not`, { wrong, value });
    }
  }
}

/** Orders attach a connection without a change of its own. */
function attachedByOrders(s: Rows): string[] {
  return s.items.flatMap((item) => {
    const [step] = s.requests.find((r) => r.id === item.request_id && r.kind === 'buy')?.steps ?? [];
    const connection = step?.kind === 'order' ? step.settings.connection_id : undefined;
    return connection === undefined || !item.bought ? [] : [keyOf(item.phone_number ?? '', 'connection_id', connection)];
  });
}

/** The values that a request sets outright; tags that are merged depend on what was there. */
function wantedOf(request: RequestRow): [string, unknown][] {
  return request.steps.flatMap((step): [string, unknown][] => {
    if (step.kind === 'update') return Object.entries(step.settings);
    if (step.kind === 'messaging') return [['messaging_profile_id', step.messaging_profile_id]];
    return step.kind === 'emergency' ? [['emergency_enabled', step.emergency_enabled]] : [];
  });
}

function keyOf(number: string, field: string, value: unknown): string {
  return `${number} ${field} ${JSON.stringify(Array.isArray(value) ? value.map(String).sort() : (value ?? null))}`;
}

/**
 * After a last reconciliation: the inventory equals the account, every purchase belongs to an item or a surplus, and the key is
 * nowhere.
 */
export async function checkReconciled(notes: Notes): Promise<void> {
  await checkSnapshots(notes);
  const s = notes.known.rows();
  if (s.runs.every((r) => r.status !== 'completed')) throw new Violation('I9', 'no reconciliation could be completed', s.runs);
  const account = new Set(notes.world.simulator.ownedNumbers().filter((n) => !notes.portedOut.has(n)));
  const owned = s.numbers.filter((n) => n.state === 'owned');
  const ours = new Set(owned.map((n) => n.phone_number));
  const lost = [...account].filter((n) => !ours.has(n));
  const extra = owned.filter((n) => !account.has(n.phone_number));
  if (lost.length > 0 || extra.length > 0)
    throw new Violation('ledger = database', 'inventory and account differ after a reconciliation', { lost, extra });
  // A surplus that a person has accepted is an ordinary number from then on. Its drift row remains.
  const recorded = await notes.world.sql<{ phone_number: string }[]>`select phone_number from drift where kind = 'surplus'`;
  checkPurchases(notes, s, account, new Set(recorded.map((r) => r.phone_number)));
  await checkFields(notes, owned);
  await checkSecrets(notes);
}

/** Every purchase is either an item that was asked for or a recorded surplus, never both. */
function checkPurchases(notes: Notes, s: Rows, account: ReadonlySet<string>, recorded: ReadonlySet<string>): void {
  const rows = notes.known.numbers;
  const ledger = notes.world.simulator.ledger();
  const lagged = laggedNumbers(notes, ledger);
  const held = new Set(s.items.filter((i) => i.bought).map((i) => i.phone_number));
  for (const b of ledger.bought) {
    if (held.has(b.phone_number)) continue;
    if (!cameTooLate(notes, b.phone_number) && !lagged.has(b.phone_number))
      throw new Violation('I5', 'a surplus was bought although the evidence within the settling window was right', b);
    const row = rows.get(b.phone_number);
    // A surplus leaves no row when somebody removed it before any reconciliation run saw it.
    if (row === undefined && !account.has(b.phone_number)) continue;
    if (row === undefined || !(row.surplus || recorded.has(b.phone_number)))
      throw new Violation('I5', 'a purchase is neither an item nor recorded as surplus', { b, row });
  }
  const wrong = s.numbers.find((n) => n.surplus && held.has(n.phone_number) && n.state === 'owned');
  if (wrong !== undefined) throw new Violation('I5', 'a number that was asked for is called a surplus', wrong);
}

/** Compares not only which numbers are owned, but also their fields. */
async function checkFields(notes: Notes, owned: NumberRow[]): Promise<void> {
  const page = await notes.world.deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250 });
  const shown = new Map(page.numbers.map((n) => [n.phoneNumber, n]));
  for (const row of owned) {
    const there = shown.get(row.phone_number);
    if (there === undefined) throw new Violation('ledger = database', 'the account does not show a number of ours', row);
    const pairs = [
      [row.connection_id, there.connectionId],
      [row.messaging_profile_id, there.messagingProfileId ?? null],
      [row.customer_reference, there.customerReference],
      [row.deletion_lock_enabled, there.deletionLockEnabled],
      [row.emergency_enabled, there.emergencyEnabled],
      [row.tags.toSorted(), there.tags?.toSorted()],
    ];
    if (pairs.some(([ours, theirs]) => !isDeepStrictEqual(ours, theirs)))
      throw new Violation('ledger = database', 'a number is set otherwise than the inventory says', { row, there });
  }
}

/** Each snapshot brings only what was written since the one before. Together they must equal the database. */
async function checkSnapshots(notes: Notes): Promise<void> {
  const full = new Known();
  full.take(await takeSnapshot(notes.world, NOTHING_SEEN));
  const sorted = (known: Known): Record<string, string[]> =>
    Object.fromEntries(Object.entries(known.rows()).map(([table, rows]) => [table, [rows ?? []].flat().map(textOf).sort()]));
  const [really, seen] = [sorted(full), sorted(notes.known)];
  const table = Object.keys(really).find((name) => !isDeepStrictEqual(really[name], seen[name]));
  if (table !== undefined) throw new Violation('no error', `the walk does not know ${table} as they are`, { really, seen });
}

const textOf = (row: unknown): string => JSON.stringify(row);

/** I11: the key is in no row of any table, and nowhere in the trace, which contains the texts of all errors. */
async function checkSecrets(notes: Notes): Promise<void> {
  const parts = [...TABLES, 'account'].map(
    (table) => `(select '${table}' as place, t::text as row from ${table} t where strpos(t::text, '${API_KEY}') > 0 limit 1)`,
  );
  const leaks = await notes.world.sql.unsafe(parts.join(' union all '));
  if (leaks.length > 0) throw new Violation('I11', 'the key of the account is in the database', leaks);
  for (const line of notes.steps) notes.world.outlets.scan('error', line);
  notes.world.outlets.check();
}
