/** The events that are told to the webhook addresses of users, with what each means. Users rely on these names. */
export const OUTGOING_EVENTS = {
  'request.ended': 'A request has ended; `data.status` says how.',
  'request.needs_attention': 'A chunk of a request waits for the decision of a person.',
  'request.awaiting_approval': 'A request waits for somebody to approve it.',
  'gate.closed': 'The account gate closed, or stays closed for another reason: nothing is spent.',
  'gate.opened': 'The account gate opened: work goes on.',
  'reconciliation.completed': 'A reconciliation run has ended, with its counts; `data.status` says how.',
} as const;
export type OutgoingEvent = keyof typeof OUTGOING_EVENTS;

/**
 * The statuses of a delivery.
 * - `pending`: not accepted yet; it is tried again.
 * - `delivered`: the receiver answered with 2xx.
 * - `failed`: given up after a day.
 */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** How long a delivery is tried, in milliseconds. */
export const GIVE_UP_MS = 24 * 3_600_000;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** The pause after each failed attempt; the last one repeats. */
const PAUSES_MS = [5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 2 * 60 * MINUTE] as const;

/** The pause after the attempt with this number, from 1, in milliseconds. */
export function pauseAfter(attempt: number): number {
  return PAUSES_MS[Math.min(Math.max(attempt, 1), PAUSES_MS.length) - 1] ?? 2 * 60 * MINUTE;
}
