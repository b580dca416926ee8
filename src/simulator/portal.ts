import { closeForeign, openForeign } from './jobs.ts';
import { decide } from './order-settle.ts';
import { onSale } from './search.ts';
import { settle } from './settle.ts';
import type { E164, OwnedField, OwnedNumber, Portal } from './types.ts';
import { acquire, dismiss, type World } from './world.ts';

function setField(number: OwnedNumber, field: OwnedField, value: string | boolean | null): void {
  const word = typeof value === 'string' ? value : null;
  if (field === 'connection_id') number.connectionId = word;
  else if (field === 'billing_group_id') number.billingGroupId = word;
  else if (field === 'customer_reference') number.customerReference = word;
  else if (field === 'messaging_profile_id') number.messagingProfileId = word;
  else if (field === 'external_pin') number.externalPin = word;
  else if (field === 'hd_voice_enabled') number.hdVoice = value === true;
  else if (field === 'deletion_lock_enabled') number.locked = value === true;
  else if (word === 'active' || word === 'port-out-pending' || word === 'ported-out') number.status = word;
  else throw new Error(`cannot set ${String(field)} to ${String(value)}`);
}

/** The acts of people and strangers on the account; `world` is asked for each time because a reset replaces it. */
export function portalOf(world: () => World): Portal {
  const each = (action: string, numbers: readonly E164[], act: (number: OwnedNumber, current: World) => void): void => {
    const current = world();
    settle(current);
    for (const e164 of numbers) {
      const number = current.owned.get(e164);
      if (!number) throw new Error(`not owned: ${e164}`);
      act(number, current);
      number.updatedAt = current.now();
    }
    current.book.portal(action, numbers, current.now());
  };
  return {
    releaseInPortal: (numbers) => each('release', numbers, (number, current) => dismiss(current, number, current.now())),
    portOut: (numbers) => each('port_out', numbers, (number) => setField(number, 'status', 'ported-out')),
    buyInPortal: (count) => {
      const current = world();
      settle(current);
      const chosen = current.pool.filter((number) => onSale(current, number) && number.monthly === 100).slice(0, count);
      for (const number of chosen) acquire(current, number, current.now(), {}, true);
      const bought = chosen.map((number) => number.e164);
      current.book.portal('buy', bought, current.now());
      return bought;
    },
    lock: (numbers, locked = true) => each('lock', numbers, (number) => setField(number, 'deletion_lock_enabled', locked)),
    setEmergency: (numbers, status) =>
      each('emergency', numbers, (number, current) => {
        number.emergency = status;
        // What the portal sets stays as it is set, until somebody changes it.
        number.emergencySettlesAt = Number.POSITIVE_INFINITY;
        if (status === 'active') number.emergencyAddressId ??= '1315261609962112019';
        number.updatedAt = current.now();
      }),
    setTags: (numbers, tags) => each('tags', numbers, (number) => (number.tags = [...tags])),
    setOwnedField: (numbers, field, value) => each(`set ${field}`, numbers, (number) => setField(number, field, value)),
    openForeignJobs: (count) => openForeign(world(), count),
    closeForeignJobs: () => closeForeign(world()),
    decideOrder: (orderId, decision) => {
      const current = world();
      settle(current);
      const order = current.orders.get(orderId);
      if (!order) throw new Error(`no such order: ${orderId}`);
      decide(current, order, decision, current.now());
    },
  };
}
