import type { Stage } from '../support/stage.ts';

/** Endpoints as the simulator's ledger names them. */
export const SEARCH = 'GET /available_phone_numbers';
export const ORDER = 'POST /number_orders';
export const READ_ORDER = 'GET /number_orders/{id}';
export const OWNERSHIP = 'POST /phone_numbers/actions/verify_ownership';
export const UPDATE_JOB = 'POST /phone_numbers/jobs/update_phone_numbers';
export const DELETE_JOB = 'POST /phone_numbers/jobs/delete_phone_numbers';
export const READ_JOB = 'GET /phone_numbers/jobs/{id}';
export const LIST = 'GET /phone_numbers';
export const MESSAGING = 'POST /messaging_numbers_bulk_updates';
export const READ_MESSAGING = 'GET /messaging_numbers_bulk_updates/{id}';

const BATCH = 1_000;
const PAGE = 250;

/** Calls that `n` numbers need at least: batch calls, and pages of a list. */
export const batches = (n: number, size = BATCH): number => Math.ceil(n / size);
export const pages = (n: number): number => Math.ceil(n / PAGE);

export interface Scenario {
  title: string;
  numbers: number;
  /** The least that the batch endpoints would allow, by endpoint. */
  floor: Readonly<Record<string, number>>;
  run(): Promise<void>;
}

export interface Measured {
  title: string;
  numbers: number;
  calls: Map<string, number>;
  floor: Map<string, number>;
}

export async function measure(stage: Stage, scenario: Scenario): Promise<Measured> {
  const begun = Date.now();
  const before = stage.calls();
  await scenario.run();
  const calls = new Map<string, number>();
  for (const [name, n] of stage.calls()) if (n > (before.get(name) ?? 0)) calls.set(name, n - (before.get(name) ?? 0));
  const { title, numbers, floor } = scenario;
  process.stderr.write(`  ${title} ${Date.now() - begun} ms\n`);
  return { title, numbers, calls, floor: new Map(Object.entries(floor)) };
}
