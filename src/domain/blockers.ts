import type { Blocker, Step } from './step.ts';

const CLEARED: Record<Blocker, string> = {
  lock: '; its deletion lock was removed for this release and was not set again',
  emergency: '; its emergency services were disabled for this release and were not enabled again',
};

/**
 * Text that is added to the reason of a number that is not released after all: the blockers that were removed for the release.
 * Without it, people believe that the number is still locked. Empty for a step that is no release.
 */
export function clearedNote(step: Step, except?: Blocker): string {
  if (step.kind !== 'delete') return '';
  return (step.cleared ?? []).map((blocker) => (blocker === except ? '' : CLEARED[blocker])).join('');
}

/** True for a step that releases numbers. */
export const isRelease = (step: Step): boolean => step.kind === 'delete';

/** True when the numbers of a chunk with these steps are on their way to a release. */
export const endsInRelease = (step: Step, nextSteps: readonly Step[]): boolean => [step, ...nextSteps].some(isRelease);
