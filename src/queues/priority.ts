/**
 * BullMQ priority of a chunk or line from its position in its request (0 first): 1 is the highest, so the first chunks of any
 * request go before the hundredth of another, and a small request does not wait for a large one.
 */
export function priorityOf(position: number): number {
  return Math.min(1 + Math.max(0, position), 2_000_000);
}
