import { uuidv7 } from 'uuidv7';

const make = (prefix: string) => `${prefix}_${uuidv7().replaceAll('-', '')}`;

/** Ids are opaque and sort by time. */
export const newRequestId = (): string => make('req');
export const newLineId = (): string => make('lin');
export const newChunkId = (): string => make('chk');
export const newRunId = (): string => make('run');
export const newWorkerId = (): string => make('wrk');
export const newLeaseToken = (): string => make('lse');

const OURS = 'prv-';

/**
 * The reference by which an order is found again after its reply was lost: unique per chunk, letters, digits and `-` only,
 * 36 characters (length and character limits of `customer_reference` are not documented).
 */
export function customerReferenceOf(chunkId: string): string {
  return `${OURS}${chunkId.replace(/^chk_/, '')}`;
}

/** Other programs of the account have references of their own. */
export const isOurReference = (reference: string): boolean => reference.startsWith(OURS);
