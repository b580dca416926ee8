import { z } from 'zod';
import type { Simulator } from './interface.ts';
import { EMERGENCY_STATUSES, type OwnedField } from './types.ts';

const phone_numbers = z.array(z.string());
const count = z.number().int().positive().default(1);
const order_id = z.string();

/** The body of `POST /_sim/portal`. Every key is checked, because a test with an ignored key would test something else. */
const ACT = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('release'), phone_numbers }),
  z.strictObject({ action: z.literal('port_out'), phone_numbers }),
  z.strictObject({ action: z.literal('buy'), count }),
  z.strictObject({ action: z.literal('lock'), phone_numbers, locked: z.boolean().default(true) }),
  z.strictObject({ action: z.literal('set_emergency'), phone_numbers, status: z.enum(EMERGENCY_STATUSES).default('active') }),
  z.strictObject({ action: z.literal('set_tags'), phone_numbers, tags: z.array(z.string()) }),
  z.strictObject({
    action: z.literal('set_field'),
    phone_numbers,
    field: z.string(),
    value: z.union([z.string(), z.boolean(), z.null()]),
  }),
  z.strictObject({ action: z.literal('open_foreign_jobs'), count }),
  z.strictObject({ action: z.literal('close_foreign_jobs') }),
  z.strictObject({ action: z.enum(['approve_order', 'decline_order', 'cancel_order']), order_id }),
]);

/** Acts on the account behind the API's back; throws what the caller did wrong. */
export function actInPortal(simulator: Simulator, body: unknown): unknown {
  const parsed = ACT.safeParse(body);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const act = parsed.data;
  switch (act.action) {
    case 'release':
      return simulator.releaseInPortal(act.phone_numbers);
    case 'port_out':
      return simulator.portOut(act.phone_numbers);
    case 'buy':
      return { phone_numbers: simulator.buyInPortal(act.count) };
    case 'lock':
      return simulator.lock(act.phone_numbers, act.locked);
    case 'set_emergency':
      return simulator.setEmergency(act.phone_numbers, act.status);
    case 'set_tags':
      return simulator.setTags(act.phone_numbers, act.tags);
    case 'set_field':
      return simulator.setOwnedField(act.phone_numbers, act.field as OwnedField, act.value);
    case 'open_foreign_jobs':
      return simulator.openForeignJobs(act.count);
    case 'close_foreign_jobs':
      return simulator.closeForeignJobs();
    case 'approve_order':
      return simulator.decideOrder(act.order_id, 'approve');
    case 'decline_order':
      return simulator.decideOrder(act.order_id, 'decline');
    case 'cancel_order':
      return simulator.decideOrder(act.order_id, 'cancel');
  }
}
