import { cents } from './api/wire.ts';
import type { Behaviour } from './behaviour.ts';
import { FaultSet } from './faults.ts';
import type { Settings } from './interface.ts';
import { Inventory } from './inventory.ts';
import { Book } from './ledger.ts';
import { plainOwned, seedWorld } from './seed.ts';
import type { BulkMessaging, E164, Job, Order, OwnedNumber, PoolNumber, Reservation } from './types.ts';

/** Everything that the simulator knows. It is one mutable value, so a reset is a new value. */
export interface World {
  readonly settings: Settings;
  behaviour: Behaviour;
  readonly now: () => number;
  readonly faults: FaultSet;
  readonly book: Book;
  readonly pool: readonly PoolNumber[];
  readonly poolByNumber: ReadonlyMap<E164, PoolNumber>;
  readonly poolByNdc: ReadonlyMap<string, readonly PoolNumber[]>;
  /** Bought, ordered or sold to somebody else. */
  readonly taken: Set<E164>;
  /** Sold to somebody else, though searches still show them. */
  readonly ghosts: Set<E164>;
  /** Numbers of orders that are still open. They tell a repeated order from a purchase by somebody else. */
  readonly inOrder: Set<E164>;
  readonly searchedAt: Map<E164, number>;
  /** Not deleted. */
  readonly owned: Map<E164, OwnedNumber>;
  readonly inventory: Inventory;
  readonly orders: Map<string, Order>;
  readonly openOrders: Set<Order>;
  readonly subOrders: Map<string, Order>;
  readonly jobs: Map<string, Job>;
  readonly openJobs: Set<Job>;
  readonly reservations: Map<string, Reservation>;
  readonly reservedBy: Map<E164, Reservation>;
  readonly bulk: Map<string, BulkMessaging>;
  readonly openBulk: Set<BulkMessaging>;
  /** Orders whose final status a fault has fixed. */
  readonly forcedStatus: Map<string, Order['status']>;
  /** Orders that ended and whose webhook nobody has taken yet. */
  readonly ended: Order[];
  balance: number;
  sequence: number;
}

/** The seeded start state. */
export function createWorld(settings: Settings): World {
  const seeded = seedWorld(settings.seed, settings.numbers, settings.owned, settings.now());
  const poolByNdc = new Map<string, PoolNumber[]>();
  for (const number of seeded.pool) {
    const sameArea = poolByNdc.get(number.area.ndc);
    if (sameArea) sameArea.push(number);
    else poolByNdc.set(number.area.ndc, [number]);
  }
  return {
    settings,
    behaviour: settings.behaviour,
    now: settings.now,
    faults: new FaultSet(settings.seed, settings.now),
    book: new Book(),
    pool: seeded.pool,
    poolByNumber: new Map(seeded.pool.map((number) => [number.e164, number])),
    poolByNdc,
    taken: new Set(),
    ghosts: new Set(),
    inOrder: new Set(),
    searchedAt: new Map(),
    owned: new Map(seeded.owned.map((number) => [number.e164, number])),
    inventory: new Inventory(seeded.owned),
    orders: new Map(),
    openOrders: new Set(),
    subOrders: new Map(),
    jobs: new Map(),
    openJobs: new Set(),
    reservations: new Map(),
    reservedBy: new Map(),
    bulk: new Map(),
    openBulk: new Set(),
    forcedStatus: new Map(),
    ended: [],
    balance: cents(settings.balance),
    sequence: seeded.owned.length,
  };
}

/** Puts a number of the pool into the account. `visible` skips the lags: for what the portal did. */
export function acquire(world: World, number: PoolNumber, at: number, extra: Partial<OwnedNumber>, visible = false): OwnedNumber {
  const owned: OwnedNumber = { ...plainOwned(world.sequence, number, at), appearedAt: visible ? 0 : at, ...extra };
  world.sequence += 1;
  world.taken.add(number.e164);
  world.owned.set(owned.e164, owned);
  world.inventory.add(owned);
  return owned;
}

/** Removes a number from the account. */
export function dismiss(world: World, number: OwnedNumber, at: number): void {
  number.status = 'deleted';
  number.deletedAt = at;
  number.updatedAt = at;
  world.owned.delete(number.e164);
  world.inventory.deletions = true;
}

/** Tells whether a number has appeared by `time` and has not yet disappeared. */
export function visibleAt(time: number, lag: number, deletionLag: number): (number: OwnedNumber) => boolean {
  const appearedBy = time - lag;
  const deletedAfter = time - deletionLag;
  return (number) =>
    (number.appearedAt === 0 || number.appearedAt <= appearedBy) &&
    (number.deletedAt === undefined || number.deletedAt > deletedAfter);
}

/**
 * Says whether other endpoints show a number already, or still. It is made once for a request, because lists ask for every row.
 */
export function visibility(world: World, kind: 'ownership' | 'inventory'): (number: OwnedNumber) => boolean {
  const { lags } = world.settings;
  return visibleAt(world.now(), world.faults.lag(kind, lags), world.faults.lag('deletions', lags));
}

/** Finds visible numbers by decimal id or E.164; made once for a request. */
export function finder(world: World, kind: 'ownership' | 'inventory'): (key: string) => OwnedNumber | undefined {
  const visible = visibility(world, kind);
  return (key) => {
    const number = key.startsWith('+') ? world.inventory.byNumber(key) : world.inventory.byId(key);
    return number && visible(number) ? number : undefined;
  };
}

/** The emergency status as of now; provisioning settles by the clock. */
export function emergencyOf(world: World, number: OwnedNumber): OwnedNumber['emergency'] {
  return world.now() < number.emergencySettlesAt ? number.emergency : number.emergencyEndsAs;
}
