import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import { done, type Outcome } from '../../domain/outcome.ts';
import type { Step } from '../../domain/step.ts';
import { movedByOthers } from './after-send.ts';
import { type Settlement, settleChunk } from './settle.ts';

/** What is to be sent: the exact numbers and settings. */
export interface Send {
  numbers: string[];
  step: Step;
}

/** `too_slow`: so many numbers cannot be read soon enough to act on what was read. */
export type Prepared =
  | { kind: 'ready'; chunk: Chunk; send: Send }
  | { kind: 'stop'; outcome: Outcome }
  | { kind: 'too_slow'; chunk: Chunk; numbers: string[] };

/** Settles a chunk of which nothing, or nothing as it stands, is sent. */
export async function nothingToSend(deps: WorkDeps, chunk: Chunk, settlement: Settlement): Promise<Outcome> {
  return (await settleChunk(deps, chunk, settlement)) ? done(`nothing to send: ${settlement.cause}`) : movedByOthers;
}
