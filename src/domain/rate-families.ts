/** Groups of Telnyx endpoints. We assume that Telnyx limits the endpoints of one group together. */
export const RATE_FAMILIES = ['search', 'orders', 'jobs', 'reads', 'messaging', 'ownership', 'reservations'] as const;
export type RateFamily = (typeof RATE_FAMILIES)[number];

/**
 * Calls a second to start with, where the operator sets no cap. Telnyx publishes no limits and asks clients to adapt, so these are
 * low.
 */
export const DEFAULT_RATES: Readonly<Record<RateFamily, number>> = {
  search: 2,
  orders: 2,
  jobs: 5,
  reads: 10,
  messaging: 2,
  ownership: 5,
  reservations: 1,
};
