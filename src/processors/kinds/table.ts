import type { StepKind } from '../../domain/step.ts';
import type { ChunkKind } from '../chunk/kind.ts';
import { emergency } from './emergency.ts';
import { messaging } from './messaging.ts';
import { order } from './order.ts';
import { release } from './release.ts';
import { update } from './update.ts';

/** Every kind of call. A new kind is one file and one entry here. */
export const KINDS: Readonly<Record<StepKind, ChunkKind>> = { order, update, messaging, emergency, delete: release };
