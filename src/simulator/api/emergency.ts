import type Telnyx from 'telnyx';
import type { Fault } from '../fault-kinds.ts';
import { share } from '../random.ts';
import type { EmergencyFate, OwnedNumber } from '../types.ts';
import { emergencyOf, type World } from '../world.ts';
import { type Context, ok, type Reply, struckBy } from './context.ts';
import { voiceView } from './number-views.ts';
import { numberOf } from './numbers.ts';
import { bool, invalid, text } from './wire.ts';

interface EmergencyChange {
  /** `null` ends the service. */
  addressId: string | null;
  fate: EmergencyFate | undefined;
  jobId: string | null;
  at: number;
}

/** Starts a change of the emergency setting; the clock finishes it. The ledger gets what really changes. */
export function setEmergencyService(world: World, number: OwnedNumber, { addressId, fate, jobId, at }: EmergencyChange): void {
  const enabled = addressId !== null;
  const on = ['active', 'provisioning'].includes(emergencyOf(world, number));
  number.updatedAt = at;
  if (fate !== 'kept') number.emergencyAddressId = addressId;
  const address = fate === 'kept' ? {} : { emergency_address_id: addressId };
  world.book.change(number.e164, at, jobId, { emergency_enabled: enabled, ...address });
  // When the service is on already, a new address applies at once. How long Telnyx takes is not known.
  if (on === enabled && (fate === undefined || fate === 'kept')) return;
  number.emergency = enabled ? 'provisioning' : 'deprovisioning';
  number.emergencyEndsAs = fate === 'failed' ? 'provisioning-failed' : enabled ? 'active' : 'disabled';
  number.emergencySettlesAt = fate === 'stuck' ? Number.POSITIVE_INFINITY : at + world.behaviour.emergencyMs;
}

const FATES = [
  ['emergency_stuck', 'stuck'],
  ['emergency_failed', 'failed'],
  ['emergency_address_kept', 'kept'],
] as const;

/** Returns what goes wrong with which numbers, and which numbers the reply leaves out. Only enabling can go wrong. */
export function emergencyFates(
  context: Context,
  count: number,
  enabled: boolean,
): { fates: Map<number, EmergencyFate>; unlisted: Set<number> } {
  const fates = new Map<number, EmergencyFate>();
  const unlisted = new Set<number>();
  const hitBy = (fault: Fault): Set<number> =>
    share(count, { count: fault.count, fraction: fault.fraction ?? (fault.count === undefined ? 1 : undefined) });
  for (const [kind, fate] of enabled ? FATES : []) {
    const fault = struckBy(context, kind);
    for (const index of fault ? hitBy(fault) : []) {
      fates.set(index, fate);
      if (fault?.listed === false) unlisted.add(index);
    }
  }
  return { fates, unlisted };
}

/** POST /phone_numbers/{id}/actions/enable_emergency: 202 while it is being provisioned. */
export function enableEmergency(context: Context): Reply {
  const { world, body } = context;
  const number = numberOf(context);
  const enabled = bool(body, 'emergency_enabled');
  const address = text(body, 'emergency_address_id');
  if (enabled === undefined) throw invalid('/emergency_enabled', 'must be present', '10004');
  if (address === undefined) throw invalid('/emergency_address_id', 'must be present', '10004');
  const fate = emergencyFates(context, 1, enabled).fates.get(0);
  setEmergencyService(world, number, { addressId: enabled ? address : null, fate, jobId: null, at: world.now() });
  const pending = ['provisioning', 'deprovisioning'].includes(emergencyOf(world, number));
  return ok({ data: voiceView(world, number) } satisfies Telnyx.PhoneNumbers.ActionEnableEmergencyResponse, pending ? 202 : 200);
}
