import type { Obstacle, Step } from './step.ts';

const LIFTED: Record<Obstacle, string> = {
  lock: '; its deletion lock was lifted for this release and was not set again',
  emergency: '; its emergency services were disabled for this release and were not enabled again',
};

/** What a release that does not happen leaves behind, so that nobody believes a number to be still locked. */
export function liftedNote(step: Step, except?: Obstacle): string {
  if (step.kind !== 'delete') return '';
  return (step.freed ?? []).map((obstacle) => (obstacle === except ? '' : LIFTED[obstacle])).join('');
}
