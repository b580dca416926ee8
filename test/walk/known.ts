import type { Changes, ChunkRow, DriftRow, ItemRow, NumberRow, RequestRow, Rows, Seen } from './snapshot.ts';

/** All rows of a history, collected from the snapshots. A snapshot brings only what was written since the one before. */
export class Known implements Seen {
  readonly chunks = new Map<string, ChunkRow>();
  readonly items = new Map<number, ItemRow>();
  readonly requests = new Map<string, RequestRow>();
  readonly numbers = new Map<string, NumberRow>();
  readonly drift = new Map<number, DriftRow>();
  claims: Rows['claims'] = [];
  runs: Rows['runs'] = [];
  closed: string | null = null;
  lastEvent = 0;
  horizon = '0';

  take(changes: Changes): void {
    for (const row of changes.chunks) this.chunks.set(row.id, row);
    for (const row of changes.items) this.items.set(row.id, row);
    for (const row of changes.requests) this.requests.set(row.id, row);
    for (const row of changes.numbers) this.numbers.set(row.phone_number, row);
    for (const row of changes.drift) this.drift.set(row.id, row);
    this.claims = changes.claims;
    this.runs = changes.runs;
    this.closed = changes.closed;
    this.lastEvent = changes.events.at(-1)?.id ?? this.lastEvent;
    this.horizon = changes.horizon;
  }

  rows(): Rows {
    return {
      chunks: [...this.chunks.values()],
      items: [...this.items.values()],
      requests: [...this.requests.values()],
      numbers: [...this.numbers.values()],
      drift: [...this.drift.values()],
      claims: this.claims,
      runs: this.runs,
      closed: this.closed,
    };
  }
}
