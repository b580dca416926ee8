/** Endpoints of Telnyx that are assumed to be limited together, each family on its own. */
export const RATE_FAMILIES = ['search', 'orders', 'jobs', 'reads', 'messaging', 'ownership', 'reservations'] as const;
export type RateFamily = (typeof RATE_FAMILIES)[number];

/** Requests a second to start with. Telnyx publishes no figures and asks to adapt, so these are low. */
export const DEFAULT_RATES: Readonly<Record<RateFamily, number>> = {
  search: 2,
  orders: 2,
  jobs: 5,
  reads: 10,
  messaging: 2,
  ownership: 5,
  reservations: 1,
};
