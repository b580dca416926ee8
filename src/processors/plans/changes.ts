import type { Tx } from '../../db/client.ts';

/** A number that is not as the plan says any more. */
export interface Change {
  phoneNumber: string;
  /** What has happened to it, as the end of a sentence. */
  what: string;
}

/** How many changes a refusal shows. */
export const MOST_SHOWN = 20;

/** What has changed since a plan was made: the first changes, and how many there are. */
export interface Changes {
  first: Change[];
  count: number;
  /**
   * Makes the rows of the plan follow the changes. It belongs into the transaction that stores the request: an attempt that is refused
   * leaves the plan as it was, because the next one may not allow changes.
   */
  follow(tx: Tx): Promise<void>;
}
