import { setTimeout as sleep } from 'node:timers/promises';
import { disagreements } from '../support/agreement.ts';
import type { Filed, Load } from './load.ts';
import { KILLS } from './plan.ts';
import { leftBehind } from './recovery.ts';
import type { Struck } from './rounds.ts';
import type { Scene } from './strike.ts';

/** All requests end within this time after the last fault: longer than a lease, a settling window and a few retries. */
const ENDS_WITHIN_MS = 300_000;
const RECONCILES_WITHIN_MS = 240_000;

/** Waits until every request has ended. Returns a problem when that takes too long. */
export async function untilAllEnded({ at }: Pick<Scene, 'at'>): Promise<string[]> {
  const end = Date.now() + ENDS_WITHIN_MS;
  while (Date.now() < end) {
    const open = await at.sql`select 1 from requests where finished_at is null limit 1`.catch(() => null);
    if (open !== null && open.length === 0) return [];
    await sleep(500);
  }
  return [`not all requests ended within ${ENDS_WITHIN_MS / 1_000} s after the last fault`];
}

/** All differences between ledger, database and what was asked, after everything has ended. Empty when they agree. */
export async function wrongs(scene: Omit<Scene, 'random'>, load: Load, filed: Filed, struck: Struck[]): Promise<string[]> {
  const { at, crew, size } = scene;
  const found = (await load.reconcile(RECONCILES_WITHIN_MS)).map((what) => `the reconciliation found: ${what}`);
  const truth = { ledger: await at.simulator.ledger(), owned: await at.simulator.owned() };
  const asked = { requests: filed.buys + filed.updates + filed.deletes, bought: filed.asked, released: filed.named };
  const differ = await disagreements(at.sql, truth, { wholeInventory: true, allSucceed: true, asked });
  const behind = struck.flatMap(({ fault, recovery }) =>
    recovery === null ? [] : leftBehind(recovery).map((id) => ({ id, fault })),
  );
  return [
    ...found,
    ...differ,
    ...behind.map(({ id, fault }) => `${id} never moved on after: ${fault}`),
    ...crew.crashes().map((crash) => `a worker ${crash}`),
    ...(size.killsInFlight === 0 || struck.some((s) => s.fault === KILLS[1])
      ? []
      : ['nobody was killed with an order call in flight']),
    ...(crew.kills() >= size.kills ? [] : [`only ${crew.kills()} of ${size.kills} kills were done: there was no time for more`]),
  ];
}
