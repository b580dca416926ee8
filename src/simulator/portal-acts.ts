import { closeForeign, openForeign } from './api/jobs.ts';
import { isFree } from './api/search.ts';
import { OWNED_FIELDS } from './fault-keys.ts';
import type { Portal } from './interface.ts';
import { decide } from './order-settle.ts';
import type { E164, OwnedField, OwnedNumber } from './types.ts';
import { acquire, dismiss, type World } from './world.ts';

const NULLABLE = {
  connection_id: 'connectionId',
  billing_group_id: 'billingGroupId',
  customer_reference: 'customerReference',
  messaging_profile_id: 'messagingProfileId',
  external_pin: 'externalPin',
} as const;

function isNullable(field: OwnedField): field is keyof typeof NULLABLE {
  return field in NULLABLE;
}

function setField(number: OwnedNumber, field: OwnedField, value: string | boolean | null): void {
  if (OWNED_FIELDS[field]?.(value) !== true) throw new Error(`cannot set ${String(field)} to ${String(value)}`);
  if (isNullable(field)) number[NULLABLE[field]] = typeof value === 'string' ? value : null;
  else if (field === 'hd_voice_enabled') number.hdVoice = value === true;
  else if (field === 'deletion_lock_enabled') number.locked = value === true;
  else number.status = value === 'ported-out' || value === 'port-out-pending' ? value : 'active';
}

/** What people in the portal and other customers do to the account at `at`. The account must be settled up to that moment. */
export function portalActs(world: World, at: number): Portal {
  const each = (action: string, numbers: readonly E164[], act: (number: OwnedNumber) => void): void => {
    for (const e164 of numbers) {
      const number = world.owned.get(e164);
      if (!number) throw new Error(`not owned: ${e164}`);
      act(number);
      number.updatedAt = at;
    }
    world.book.portal(action, numbers, at);
  };
  return {
    releaseInPortal: (numbers) => each('release', numbers, (number) => dismiss(world, number, at)),
    portOut: (numbers) => each('port_out', numbers, (number) => setField(number, 'status', 'ported-out')),
    buyInPortal: (count) => {
      const chosen = world.pool.filter((number) => isFree(world, number) && number.monthly === 100).slice(0, count);
      for (const number of chosen) acquire(world, number, at, {}, true);
      const bought = chosen.map((number) => number.e164);
      world.book.portal('buy', bought, at);
      return bought;
    },
    lock: (numbers, locked = true) => each('lock', numbers, (number) => setField(number, 'deletion_lock_enabled', locked)),
    setEmergency: (numbers, status) =>
      each('emergency', numbers, (number) => {
        // What the portal sets stays as it is set, until somebody changes it.
        number.emergency = status;
        number.emergencyEndsAs = status;
        if (status === 'active') number.emergencyAddressId ??= '1315261609962112019';
      }),
    setTags: (numbers, tags) => each('tags', numbers, (number) => (number.tags = [...tags])),
    setOwnedField: (numbers, field, value) => each(`set ${field}`, numbers, (number) => setField(number, field, value)),
    openForeignJobs: (count) => openForeign(world, count),
    closeForeignJobs: () => closeForeign(world),
    decideOrder: (orderId, decision) => {
      const order = world.orders.get(orderId);
      if (!order) throw new Error(`no such order: ${orderId}`);
      decide(world, order, decision, at);
      const numbers = order.lines.map((line) => line.e164);
      world.book.portal(decision, numbers, at);
    },
  };
}
