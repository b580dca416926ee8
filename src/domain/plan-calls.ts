import type { FamilyCalls } from './plan.ts';
import type { Step } from './step.ts';

/** The calls of one step that goes out in `count` calls. Each is sent, followed to its end, and checked by ownership. */
export function callsOf(step: Step, count: number, pages: number): FamilyCalls[] {
  const owned: FamilyCalls = { family: 'ownership', call: 'ownership check', count };
  const followed: FamilyCalls = { family: 'reads', call: 'status read', count: 2 * count };
  const read: FamilyCalls = { family: 'reads', call: 'page of the number list', count: pages };
  switch (step.kind) {
    case 'order':
      return [{ family: 'orders', call: 'order', count }, followed, owned];
    case 'messaging':
      return [{ family: 'messaging', call: 'messaging update', count }, { ...followed, family: 'messaging' }, owned];
    case 'update':
      return [{ family: 'jobs', call: 'update job', count }, followed, owned, read];
    case 'emergency':
      return [{ family: 'jobs', call: 'emergency job', count }, followed, owned];
    case 'delete':
      return [{ family: 'jobs', call: 'release job', count }, followed, { ...owned, count: 2 * count }, read];
  }
}

/** True for a step whose numbers are read before they are sent: tags that are merged, and releases. */
export function readsFirst(step: Step): boolean {
  return step.kind === 'delete' || (step.kind === 'update' && step.tags !== undefined);
}
