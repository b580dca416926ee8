import { isDeepStrictEqual } from 'node:util';
import { type Notes, Violation } from './notes.ts';
import type { Changes, DriftRow, Rows } from './snapshot.ts';

/** Found drift is evidence: it never changes, and a settled row stays settled. Only people accept. */
export function checkEvidence(notes: Notes, changes: Changes): void {
  for (const row of changes.drift) {
    const before = notes.known.drift.get(row.id);
    if (before === undefined) continue;
    if (!isDeepStrictEqual(foundOf(before), foundOf(row)))
      throw new Violation('drift', 'what a run found was changed afterwards', { before, row });
    if (before.state !== 'open' && before.state !== row.state)
      throw new Violation('drift', 'a difference that was settled has another state', { before, row });
  }
  const accepted = changes.drift.find((d) => d.state === 'accepted' && d.by !== 'walk');
  if (accepted !== undefined) throw new Violation('drift', 'a difference was accepted, and by no person', accepted);
}

const foundOf = ({ run_id, kind, phone_number, field, ours, theirs }: DriftRow) => ({
  run_id,
  kind,
  phone_number,
  field,
  ours,
  theirs,
});

/** Exactly the differences that baselines keep are open. So no difference is forgotten, and one that is gone is over. */
export function checkOpenDrift(s: Rows): void {
  const open = new Map<string, DriftRow[]>();
  for (const d of s.drift) if (d.state === 'open') open.set(d.phone_number, [...(open.get(d.phone_number) ?? []), d]);
  for (const n of s.numbers) {
    const rows = open.get(n.phone_number) ?? [];
    const changed = rows.filter((d) => d.kind === 'changed');
    const kept = n.state === 'owned' ? (n.baseline ?? {}) : {};
    if (!isDeepStrictEqual(Object.fromEntries(changed.map((d) => [d.field, d.ours])), kept))
      throw new Violation('drift', 'the baseline of a number and its open drift are not the same', { n, rows });
    if (n.state === 'released' && (rows.length > 0 || n.baseline !== null))
      throw new Violation('drift', 'a released number has open drift', { n, rows });
    const isMissing = n.state === 'missing';
    // A surplus that leaves the account is missing: its surplus is settled, and the inventory still remembers it.
    const wrong = rows.find((d) => (d.kind === 'missing' && !isMissing) || (d.kind === 'surplus' && (isMissing || !n.surplus)));
    if (wrong !== undefined) throw new Violation('drift', `a number is called ${wrong.kind} and is not`, { n, wrong });
  }
  const done = new Set(s.items.flatMap((i) => (i.status === 'succeeded' ? [`${i.request_id} ${i.phone_number}`] : [])));
  const unfinished = s.drift.find((d) => d.state === 'open' && done.has(`${d.repair} ${d.phone_number}`));
  if (unfinished !== undefined) throw new Violation('drift', 'a difference is open although its repair succeeded', unfinished);
}

/** After everything was settled, one more reconciliation run finds nothing. */
export function checkNothingOpen(notes: Notes, runId: string): void {
  const left = [...notes.known.drift.values()].filter((d) => d.state === 'open' || (d.run_id === runId && d.kind !== 'adopted'));
  if (left.length > 0) throw new Violation('drift', 'a run finds drift again that was settled', left);
}
