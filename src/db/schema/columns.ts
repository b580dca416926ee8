import { numeric, timestamp } from 'drizzle-orm/pg-core';

/** A moment in UTC. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** Exact decimal money; strings in TypeScript. */
export const money = (name: string) => numeric(name, { precision: 14, scale: 6 });
