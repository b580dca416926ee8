import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { openItemsOfChunk } from '../../db/items.ts';
import { hiddenFor, lookedAgain } from '../../domain/looks.ts';
import { isFinalStatus, judgeEarly } from '../../domain/order-outcome.ts';
import { type Outcome, snooze } from '../../domain/outcome.ts';
import type { Order } from '../../telnyx/gateway.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { ownedByRequest } from './owned-by-request.ts';
import { settleOrder } from './settle-order.ts';

/** The chunk with the numbers that it still owes: those that were settled as a part have ended, or are with another chunk. */
export async function stillOwed(deps: WorkDeps, chunk: Chunk): Promise<Chunk> {
  const open = new Set((await openItemsOfChunk(deps.db.sql, chunk.id)).map((i) => i.phoneNumber));
  return { ...chunk, numbers: chunk.numbers.filter((n) => open.has(n)) };
}

/**
 * Settles the numbers of an open order that have their end, so that they do not wait for the paperwork of others: a success that is
 * ours is bought, a failure that stays not ours for a settling window is lost. Telnyx handles each part of an order on its own.
 * `null` when nothing can be settled now; `chunk` carries what is owed.
 */
export async function settlePart(deps: WorkDeps, chunk: Chunk, order: Order): Promise<Outcome | null> {
  const lines = new Map(order.lines.map((l) => [l.phoneNumber, l]));
  const final = chunk.numbers.filter((n) => isFinalStatus(lines.get(n)?.status ?? ''));
  if (final.length === 0) return null;
  const now = deps.clock.now();
  const owned = await ownedByRequest(deps, { ...chunk, numbers: final });
  const verdictOf = (phoneNumber: string) => {
    const line = lines.get(phoneNumber);
    return judgeEarly({
      phoneNumber,
      lineStatus: line?.status ?? null,
      requirementsMet: line?.requirementsMet ?? null,
      owned: owned.has(phoneNumber),
    });
  };
  const bought = final
    .filter((n) => verdictOf(n) === 'bought')
    .map((phoneNumber) => ({ phoneNumber, telnyxId: owned.get(phoneNumber) ?? null }));
  const failed = final.filter((n) => verdictOf(n) === 'failed');
  const failedLines = lookedAgain(chunk.evidence?.failedLines, failed, now);
  const lost = failed.filter((n) => hiddenFor(failedLines[n], now, deps.timings.settleMs));
  if (bought.length + lost.length === 0) {
    const evidence = { ...chunk.evidence, because: chunk.evidence?.because ?? 'order_open', looks: chunk.evidence?.looks ?? [] };
    if (failed.length > 0 || evidence.failedLines !== undefined)
      await touchChunk(deps.db.sql, chunk, now, { evidence: { ...evidence, failedLines } });
    return null;
  }
  const isAll = bought.length + lost.length === chunk.numbers.length;
  const cause = isAll ? 'finished' : 'part_finished';
  const settled = await settleOrder(deps, chunk, { cause, bought, lost, orderStatus: order.status });
  if (!settled) return movedByOthers;
  return snooze(deps.timings.pollMinMs, `settled early: ${bought.length} bought, ${lost.length} lost`);
}
