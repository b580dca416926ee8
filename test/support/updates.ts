import type { Harness } from './harness.ts';

/** The call that starts an update job, for faults. */
export const updating = { method: 'POST', path: '/phone_numbers/jobs/update_phone_numbers' };

/** The inventory rows of these numbers, by number. */
export const rowsOf = (h: Harness, numbers: string[]) =>
  h.db.sql`select * from phone_numbers where phone_number = any(${numbers}::text[]) order by phone_number`;

/** How many batch jobs Telnyx has taken. */
export const jobsOf = (h: Harness) => h.sim.ledger().jobs.length;

/** The changes that Telnyx made to these numbers. */
export const changesOf = (h: Harness, numbers: string[]) =>
  h.sim.ledger().changed.filter((c) => numbers.includes(c.phone_number));
