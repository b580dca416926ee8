import { noteSettings } from '../../db/numbers.ts';
import { settingsNotShown } from '../../domain/not-shown.ts';
import type { NumberSettings, StepOf } from '../../domain/step.ts';
import type { ChunkKind, ChunkOf } from '../chunk/kind.ts';
import { mergedTags } from '../guards/merge-tags.ts';
import { ownNumbers } from '../guards/own-numbers.ts';
import { type BatchResult, batchRefused, findJobs, firstPollOfJob, judgeValues, observeJob } from './batch-job.ts';

type UpdateChunk = ChunkOf<StepOf<'update'>>;

/** The settings that the call carries: those that were asked for, or the merged ones when tags are added or removed. */
const settingsOf = (chunk: UpdateChunk): NumberSettings => chunk.payload?.settings ?? chunk.step.settings;

/** An update: one batch job sets the same settings on up to 1,000 numbers. */
export const update: ChunkKind<StepOf<'update'>, BatchResult> = {
  holdsSlot: true,
  jobSlot: true,
  buys: false,
  prepare: async (deps, planned) => {
    const own = await ownNumbers(deps, planned);
    return own.kind === 'own' ? mergedTags(deps, own, planned.step) : own;
  },
  send: (telnyx, chunk, lastCheck) => telnyx.updateNumbers(chunk.numbers, settingsOf(chunk), lastCheck),
  refused: batchRefused,
  firstPoll: firstPollOfJob,
  observe: observeJob,
  judge: (deps, chunk, result) => {
    const settings = settingsOf(chunk);
    const because = { cause: 'update', at: deps.clock.now(), requestId: chunk.requestId, chunkId: chunk.id };
    return judgeValues(deps, chunk, result, {
      isApplied: (shown) => settings.voice === undefined && settingsNotShown(shown, settings).length === 0,
      note: (tx, numbers) => noteSettings(tx, numbers, settings, because),
    });
  },
  find: (deps, chunk) => findJobs(deps, chunk, 'update_phone_numbers'),
};
