import { uuidv7 } from 'uuidv7';

const make = (prefix: string) => `${prefix}_${uuidv7().replaceAll('-', '')}`;

/** Ids are opaque and sort by time. */
export const newRequestId = (): string => make('req');
export const newLineId = (): string => make('lin');
export const newChunkId = (): string => make('chk');
export const newRunId = (): string => make('run');
export const newPlanId = (): string => make('plan');
export const newWorkerId = (): string => make('wrk');
export const newMessageId = (): string => make('msg');
export const newLeaseToken = (): string => make('lse');

const OURS = 'prv-';

/**
 * Returns the reference that finds an order again after its reply was lost. It is unique for each chunk and has 36 characters:
 * letters, digits and `-`. Telnyx documents neither length nor characters of `customer_reference`, so it is kept simple.
 */
export function customerReferenceOf(chunkId: string): string {
  return `${OURS}${chunkId.replace(/^chk_/, '')}`;
}

/** True for a reference of this product. Other programs on the same account use references of their own. */
export const isOurReference = (reference: string): boolean => reference.startsWith(OURS);
