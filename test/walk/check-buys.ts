import type { Ledger } from '../../src/simulator/index.ts';
import { OPEN_ITEM } from './check-changes.ts';
import { type Notes, Violation } from './notes.ts';
import type { ChunkRow, ItemRow, RequestRow, Rows } from './snapshot.ts';

type Bought = Ledger['bought'][number];

/** I1 and I5: every order belongs to a chunk, no number is bought twice, and no more is bought than was asked and allowed. */
export function checkBuys(notes: Notes, s: Rows, ledger: Ledger, lagged: ReadonlySet<string>): void {
  const byReference = new Map(s.chunks.map((c) => [c.customer_reference, c]));
  checkOrders(ledger, byReference);
  // A surplus is allowed after a wrong decision of a person, or after evidence that could not be right. It must be recorded in
  // the end.
  const isExcused = (n: string): boolean => notes.excused.has(n) || lagged.has(n);
  const counted = ledger.bought.filter((b) => !isExcused(b.phone_number));
  const soldAs = new Map(ledger.bought.map((b) => [b.phone_number, b.customer_reference]));
  const really = new Set([...ledger.bought.map((b) => b.phone_number), ...notes.portalBought]);
  for (const request of s.requests) {
    if (request.kind !== 'buy') continue;
    const items = s.items.filter((i) => i.request_id === request.id);
    const bought = counted.filter((b) => byReference.get(b.customer_reference ?? '')?.request_id === request.id);
    if (bought.length > request.asked)
      throw new Violation('I5', `${bought.length} numbers were bought for ${request.id}, which asked for ${request.asked}`, {
        bought,
        items,
      });
    checkBudget(request, items, bought);
    const invented = items.find((i) => i.bought && !really.has(i.phone_number ?? ''));
    if (invented !== undefined) throw new Violation('I5', 'an item calls a number bought that Telnyx never sold to us', invented);
    const owner = (n: string | null) => byReference.get(soldAs.get(n ?? '') ?? '')?.request_id ?? request.id;
    const others = items.find((i) => i.bought && owner(i.phone_number) !== request.id && !isExcused(i.phone_number ?? ''));
    if (others !== undefined) throw new Violation('I5', 'an item calls a number bought that another request bought', others);
    const twice = duplicates(items.filter((i) => i.bought).map((i) => i.phone_number ?? ''));
    if (twice.length > 0) throw new Violation('I5', 'two items of one request hold the same bought number', twice);
  }
}

function checkOrders(ledger: Ledger, byReference: ReadonlyMap<string, ChunkRow>): void {
  for (const order of ledger.orders) {
    const chunk = byReference.get(order.customer_reference ?? '');
    const foreign = chunk === undefined ? order.numbers : order.numbers.filter((n) => !chunk.numbers.includes(n));
    if (chunk === undefined || foreign.length > 0)
      throw new Violation('I1', 'an order that no chunk accounts for', { order, chunk });
  }
  const sum = ledger.bought.reduce((total, b) => total + cents(b.upfront), 0);
  if (sum !== cents(ledger.charged.upfront) || ledger.bought.length !== ledger.charged.lines)
    throw new Violation('I5', 'a number was bought and charged twice', ledger.charged);
  if (ledger.retries > 0) throw new Violation('I2', 'the SDK repeated a call', ledger.calls);
}

/** The charges of Telnyx stay within the budget, and so does what the request holds. */
function checkBudget(request: RequestRow, items: ItemRow[], bought: Bought[]): void {
  const held = items.filter(
    (i) => i.bought || (i.phone_number !== null && (OPEN_ITEM.has(i.status) || i.status === 'succeeded')),
  );
  const limits = [
    ['upfront', request.max_upfront, (b: { upfront: string | null }) => cents(b.upfront)],
    ['monthly', request.max_monthly, (b: { monthly: string | null }) => cents(b.monthly)],
  ] as const;
  for (const [name, max, of] of limits) {
    if (max === null) continue;
    const charged = bought.reduce((total, b) => total + of(b), 0);
    const committed = held.reduce((total, i) => total + of(i), 0);
    if (charged > cents(max) || committed > cents(max))
      throw new Violation(
        'I5',
        `the ${name} budget of ${request.id} is ${max}, but ${charged} cents were charged and ${committed} held`,
        { request, held, bought },
      );
  }
}

export function duplicates(values: string[]): string[] {
  const seen = new Set<string>();
  return values.filter((v) => seen.size === seen.add(v).size);
}

function cents(text: string | null): number {
  return Math.round(Number(text ?? '0') * 100);
}
