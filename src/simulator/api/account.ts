import type Telnyx from 'telnyx';
import { SIMULATED_BAD_IDS } from '../seed.ts';
import { type Context, ok, type Reply } from './context.ts';
import { invalid, money, Refusal, UUID } from './wire.ts';

/** Accepts a missing id and every well-formed id except the known bad one. */
export function assertConnection(id: string | undefined): void {
  if (id === undefined || (/^\d{1,20}$/.test(id) && id !== SIMULATED_BAD_IDS.connectionId)) return;
  throw invalid('/connection_id', 'The connection does not exist', '85004');
}

export function assertProfile(id: string | undefined, pointer = '/messaging_profile_id'): void {
  if (id === undefined || (UUID.test(id) && id !== SIMULATED_BAD_IDS.messagingProfileId)) return;
  throw invalid(pointer, 'The messaging profile does not exist', '85005');
}

export function assertBillingGroup(id: string | undefined): void {
  if (id === undefined || (UUID.test(id) && id !== SIMULATED_BAD_IDS.billingGroupId)) return;
  throw new Refusal(403, { code: '10010', title: 'Authorization failed', source: { pointer: '/billing_group_id' } });
}

/** Colons were refused in practice. */
export function assertTags(tags: readonly string[] | undefined): void {
  if (tags?.some((tag) => tag.includes(':'))) throw invalid('/tags', 'tags must not contain colons');
}

/** GET /balance */
export function balance({ world }: Context): Reply {
  const data: Telnyx.BalanceRetrieveResponse.Data = {
    record_type: 'balance',
    balance: money(world.balance),
    available_credit: money(world.balance),
    credit_limit: '0.00',
    pending: '0.00',
    currency: 'USD',
  };
  return ok({ data } satisfies Telnyx.BalanceRetrieveResponse);
}
