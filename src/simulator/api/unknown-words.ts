import type { Fault, Target } from '../fault-kinds.ts';
import { share } from '../random.ts';
import type { World } from '../world.ts';
import { isRecord } from './wire.ts';

type Resource = Record<string, unknown>;

/** Returns the resources that a reply is about: its `data`, or each row of it. */
function rowsOf(body: unknown): Resource[] {
  const data = isRecord(body) ? body['data'] : undefined;
  return (Array.isArray(data) ? data : [data]).filter(isRecord);
}

/** Returns every resource of a type, at any depth. */
function ofType(value: unknown, type: string): Resource[] {
  if (Array.isArray(value)) return value.flatMap((entry) => ofType(entry, type));
  if (!isRecord(value)) return [];
  const inner = Object.values(value).flatMap((entry) => ofType(entry, type));
  return value['record_type'] === type ? [value, ...inner] : inner;
}

/** Returns the resources of a reply that have the field of the fault. */
function struckIn(body: unknown, fault: Fault): Resource[] {
  const candidates = fault.resource === undefined ? rowsOf(body) : ofType(body, fault.resource);
  return candidates.filter((resource) => (fault.field ?? 'status') in resource);
}

/** Puts unknown words into a reply. It changes the reply itself, which was made for this request only. */
export function unknownWords(world: World, target: Target, body: unknown): void {
  const faults = world.faults.takeAll('unknown_enum', target, (fault) => struckIn(body, fault).length > 0);
  for (const fault of faults) {
    const resources = struckIn(body, fault);
    const part = { count: fault.count, fraction: fault.fraction ?? (fault.count === undefined ? 1 : undefined) };
    const hit = share(resources.length, part);
    resources.forEach((resource, index) => {
      if (hit.has(index)) resource[fault.field ?? 'status'] = fault.value === undefined ? 'not-seen-before' : fault.value;
    });
  }
}
