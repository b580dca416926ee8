import type { Reads } from '../../db/client.ts';
import { type InventoryFilter, streamInventory } from '../../db/queries/inventory.ts';
import { streamItems } from '../../db/queries/items.ts';
import type { Ledger } from '../../simulator/index.ts';
import { plural } from '../output.ts';
import { driftProblems, type ProofRow, prove } from './proof.ts';
import type { Stage } from './stage.ts';
import { ASKED, BOUGHT_SETTINGS, type Told, UPDATE_SETTINGS } from './story.ts';

/** Compares what was asked, our database and the simulator's ledger. */
export async function proofOf(stage: Stage, told: Told): Promise<ProofRow[]> {
  const { reads } = stage.deps.db;
  const ledger = stage.simulator.ledger();
  const inventory = await numbersWhere(reads, { state: 'owned' });
  const launch = {
    connection: BOUGHT_SETTINGS.connection_id,
    profile: BOUGHT_SETTINGS.messaging_profile_id,
    tag: BOUGHT_SETTINGS.tags[0] ?? '',
  };
  const [tag = ''] = UPDATE_SETTINGS.add_tags;
  return [
    prove({
      operation: 'buy',
      asked: ASKED.buy,
      database: await succeeded(reads, told.buy.id),
      ledger: new Set(ledger.bought.map((b) => b.phone_number)),
      money: { cost: told.buy.cost, charged: ledger.charged },
      also: duplicates(ledger),
    }),
    prove({
      operation: '  voice, messaging, tag',
      asked: ASKED.buy,
      database: await numbersWhere(reads, {
        bought_by: told.buy.id,
        connection_id: launch.connection,
        messaging_profile_id: launch.profile,
        tag: launch.tag,
      }),
      ledger: tagged(ledger, launch.tag),
    }),
    prove({
      operation: 'update',
      asked: ASKED.update,
      database: await succeeded(reads, told.update.id),
      ledger: updatedBy(ledger, UPDATE_SETTINGS.connection_id, tag),
      also: differing(told.updated, await succeeded(reads, told.update.id)),
    }),
    prove({
      operation: 'delete',
      asked: ASKED.delete,
      database: await succeeded(reads, told.delete.id),
      ledger: new Set(ledger.released.map((r) => r.phone_number)),
      also: differing(told.deleted, await numbersWhere(reads, { state: 'released' })),
    }),
    prove({
      operation: 'owned now',
      asked: ASKED.owned + ASKED.buy - ASKED.delete,
      database: inventory,
      ledger: new Set(stage.simulator.ownedNumbers()),
      also: driftProblems(told.second.counts, told.second.status),
    }),
  ];
}

async function succeeded(reads: Reads, requestId: string): Promise<Set<string>> {
  const numbers = new Set<string>();
  for await (const { phoneNumber } of streamItems(reads, requestId, { status: 'succeeded' }))
    if (phoneNumber !== null) numbers.add(phoneNumber);
  return numbers;
}

async function numbersWhere(reads: Reads, filter: InventoryFilter): Promise<Set<string>> {
  const numbers = new Set<string>();
  for await (const number of streamInventory(reads, filter)) numbers.add(number);
  return numbers;
}

function duplicates(ledger: Ledger): string[] {
  const again = ledger.bought.reduce((sum, b) => sum + b.duplicate_attempts, 0);
  return again === 0 ? [] : [`${plural(again, 'number was', 'numbers were')} ordered twice`];
}

/** Returns the numbers whose last tags contain `tag`. */
function tagged(ledger: Ledger, tag: string): Set<string> {
  const last = new Map<string, unknown>();
  for (const change of ledger.changed) if ('tags' in change.fields) last.set(change.phone_number, change.fields['tags']);
  return new Set([...last].flatMap(([number, tags]) => (Array.isArray(tags) && tags.includes(tag) ? [number] : [])));
}

/** Returns the numbers whose last connection and tags are these. */
function updatedBy(ledger: Ledger, connectionId: string, tag: string): Set<string> {
  const connection = new Map<string, unknown>();
  for (const change of ledger.changed)
    if ('connection_id' in change.fields) connection.set(change.phone_number, change.fields['connection_id']);
  return new Set([...tagged(ledger, tag)].filter((number) => connection.get(number) === connectionId));
}

function differing(asked: readonly string[], done: ReadonlySet<string>): string[] {
  const off = asked.filter((number) => !done.has(number)).length + Math.max(0, done.size - asked.length);
  return off === 0 ? [] : [`${plural(off, 'number differs', 'numbers differ')} from the list that was given`];
}
