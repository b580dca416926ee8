import { isDeepStrictEqual } from 'node:util';
import { Known } from './known.ts';
import { laggedNumbers } from './lags.ts';
import { type Notes, Violation } from './notes.ts';
import { API_KEY } from './outlets.ts';
import { type ItemRow, NOTHING_SEEN, type Rows, takeSnapshot } from './snapshot.ts';
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

/** What Telnyx released through us is reported as released; what is reported as released is not ours. */
function checkReleased(notes: Notes, s: Rows): void {
  const ledger = notes.world.simulator.ledger();
  const lagged = laggedNumbers(notes, ledger);
  const deletes = new Set(s.requests.filter((r) => r.kind === 'delete').map((r) => r.id));
  const items = s.items.filter((i) => deletes.has(i.request_id) && !lagged.has(i.phone_number ?? ''));
  const isGone = (i: ItemRow): boolean => i.status === 'succeeded' || i.reason_code === 'already_gone';
  const done = new Set(items.filter(isGone).map((i) => i.phone_number));
  const released = ledger.released.map((r) => r.phone_number).filter((n) => !lagged.has(n));
  const hidden = released.filter((n) => !done.has(n) && !notes.excused.has(n));
  if (hidden.length > 0) throw new Violation('I8', 'a number was released and its request does not say so', { hidden, items });
  const owned = new Set(notes.world.simulator.ownedNumbers().filter((n) => !notes.portedOut.has(n)));
  const kept = items.filter((i) => isGone(i) && owned.has(i.phone_number ?? ''));
  if (kept.length > 0) throw new Violation('I8', 'a number is reported as gone although it is ours', kept);
}

/** What an update calls changed was changed at Telnyx. */
function checkUpdated(notes: Notes, s: Rows): void {
  const changed = new Set(
    notes.world.simulator.ledger().changed.flatMap((c) => {
      const id = c.fields['connection_id'];
      return typeof id === 'string' ? [`${c.phone_number} ${id}`] : [];
    }),
  );
  for (const request of s.requests) {
    const [first] = request.steps;
    const wanted = request.kind === 'update' && first?.kind === 'update' ? first.settings.connection_id : undefined;
    if (wanted === undefined) continue;
    const items = s.items.filter((i) => i.request_id === request.id && i.status === 'succeeded');
    // A portal that had set the same value by chance is as good.
    const wrong = items.filter((i) => !changed.has(`${i.phone_number} ${wanted}`) && !notes.touched.has(i.phone_number ?? ''));
    if (wrong.length > 0) throw new Violation('I7', 'an update is reported as done and was not', wrong);
  }
}

/** After a last reconciliation: the inventory is the account, and every purchase is somebody's. */
export async function checkReconciled(notes: Notes): Promise<void> {
  await checkLooks(notes);
  const s = notes.known.rows();
  const { numbers } = s;
  if (s.runs.every((r) => r.status !== 'completed')) throw new Violation('I9', 'no reconciliation could be completed', s.runs);
  const account = notes.world.simulator.ownedNumbers().filter((n) => !notes.portedOut.has(n));
  const ours = new Set(numbers.filter((n) => n.state === 'owned').map((n) => n.phone_number));
  const lost = account.filter((n) => !ours.has(n));
  const extra = [...ours].filter((n) => !account.includes(n));
  if (lost.length > 0 || extra.length > 0) {
    throw new Violation('ledger = database', 'inventory and account differ after a reconciliation', {
      lost,
      extra,
      rows: numbers.filter((n) => extra.includes(n.phone_number) || lost.includes(n.phone_number)),
    });
  }
  const rows = new Map(numbers.map((n) => [n.phone_number, n]));
  const held = new Set(s.items.filter((i) => i.bought).map((i) => i.phone_number));
  for (const b of notes.world.simulator.ledger().bought) {
    if (held.has(b.phone_number)) continue;
    const row = rows.get(b.phone_number);
    // A surplus that somebody took away again before any run saw it leaves no row.
    if (row === undefined && !account.includes(b.phone_number)) continue;
    if (row === undefined || !row.surplus)
      throw new Violation('I5', 'a purchase is neither an item nor recorded as surplus', { b, row });
  }
  const wrong = numbers.find((n) => n.surplus && held.has(n.phone_number) && n.state === 'owned');
  if (wrong !== undefined) throw new Violation('I5', 'a number that was asked for is called a surplus', wrong);
  await checkSecrets(notes);
}

/** The looks after each step bring only what was written since: together they must be the database as it is. */
async function checkLooks(notes: Notes): Promise<void> {
  const full = new Known();
  full.take(await takeSnapshot(notes.world, NOTHING_SEEN));
  const sorted = (known: Known): Record<string, string[]> =>
    Object.fromEntries(Object.entries(known.rows()).map(([table, rows]) => [table, [rows ?? []].flat().map(textOf).sort()]));
  const [really, seen] = [sorted(full), sorted(notes.known)];
  const table = Object.keys(really).find((name) => !isDeepStrictEqual(really[name], seen[name]));
  if (table !== undefined) throw new Violation('no error', `the walk does not know ${table} as they are`, { really, seen });
}

const textOf = (row: unknown): string => JSON.stringify(row);

/** I11: the key is in no row of any table, and in no word of the trace, which holds the texts of all errors. */
async function checkSecrets(notes: Notes): Promise<void> {
  const parts = [...TABLES, 'account'].map(
    (table) => `(select '${table}' as place, t::text as row from ${table} t where strpos(t::text, '${API_KEY}') > 0 limit 1)`,
  );
  const leaks = await notes.world.look.unsafe(parts.join(' union all '));
  if (leaks.length > 0) throw new Violation('I11', 'the key of the account is in the database', leaks);
  for (const line of notes.steps) notes.world.outlets.look('error', line);
  notes.world.outlets.check();
}
