import { randomUUID } from 'node:crypto';
import type Telnyx from 'telnyx';
import { share } from '../random.ts';
import type { BulkMessaging, OwnedNumber } from '../types.ts';
import { visibility, visibleAt, type World } from '../world.ts';
import { assertProfile, assertTags } from './account.ts';
import { type Context, ok, paged, type Reply, struckBy } from './context.ts';
import { messagingView } from './number-views.ts';
import { numberOf } from './numbers.ts';
import { E164, invalid, notFound, strings, text } from './wire.ts';

const SETTLE_MS = 500;

/** GET /phone_numbers/{id}/messaging */
export function retrieveMessaging(context: Context): Reply {
  return ok({ data: messagingView(numberOf(context)) } satisfies Telnyx.PhoneNumbers.MessagingRetrieveResponse);
}

/** PATCH /phone_numbers/{id}/messaging: a uuid assigns, "" unassigns, null or absent keeps. */
export function updateMessaging(context: Context): Reply {
  const { world, body } = context;
  const number = numberOf(context);
  const profile = text(body, 'messaging_profile_id');
  const tags = strings(body, 'tags');
  assertProfile(profile || undefined);
  assertTags(tags);
  if (profile !== undefined) number.messagingProfileId = profile || null;
  number.messagingProduct = text(body, 'messaging_product') ?? number.messagingProduct;
  number.tags = tags ?? number.tags;
  number.updatedAt = world.now();
  const fields = { ...(profile === undefined ? {} : { messaging_profile_id: profile }), ...(tags ? { tags } : {}) };
  world.book.change(number.e164, world.now(), null, fields);
  return ok({ data: messagingView(number) } satisfies Telnyx.PhoneNumbers.MessagingUpdateResponse);
}

/** GET /phone_numbers/messaging */
export function listMessaging(context: Context): Reply {
  const { world, query } = context;
  const numbers = new Set(query.list('filter[phone_number]'));
  const contains = query.one('filter[phone_number][contains]');
  const profile = query.one('filter[messaging_profile_id]');
  const type = query.one('filter[type]');
  const visible = visibility(world, 'inventory');
  const passes = (number: OwnedNumber): boolean =>
    number.status !== 'ported-out' &&
    visible(number) &&
    (numbers.size === 0 || numbers.has(number.e164)) &&
    (contains === undefined || number.e164.includes(contains)) &&
    (profile === undefined || number.messagingProfileId === profile) &&
    (type === undefined || (number.area.type === 'toll_free' ? 'tollfree' : 'longcode') === type);
  const order = query.one('sort[phone_number]') === undefined ? 'created' : 'phone_number';
  return ok(
    paged(context, (offset, size) => {
      const { rows, total } = world.inventory.page(order, passes, offset, size);
      return { rows: rows.map(messagingView), total };
    }),
  );
}

function bulkView(bulk: BulkMessaging): Telnyx.BulkMessagingSettingsUpdatePhoneNumbers {
  const pending = bulk.settled ? [] : [...bulk.numbers];
  return {
    record_type: 'messaging_numbers_bulk_update',
    order_id: bulk.orderId,
    pending,
    success: bulk.success,
    failed: bulk.failed,
  };
}

/** POST /messaging_numbers_bulk_updates: "" unassigns. No list can find it again. */
export function createBulk(context: Context): Reply {
  const { world, body } = context;
  const profileId = text(body, 'messaging_profile_id');
  const numbers = [...new Set(strings(body, 'numbers') ?? [])];
  if (profileId === undefined) throw invalid('/messaging_profile_id', 'must be present', '10004');
  assertProfile(profileId || undefined);
  if (numbers.length === 0 || numbers.length > 1000) throw invalid('/numbers', 'between 1 and 1000 phone numbers');
  if (!numbers.every((number) => E164.test(number))) throw invalid('/numbers', 'must be in +E.164 format', '10016');
  const partial = struckBy(context, 'messaging_partial');
  const bulk: BulkMessaging = {
    orderId: randomUUID(),
    numbers,
    profileId,
    createdAt: world.now(),
    settlesAt: world.now() + SETTLE_MS,
    lag: world.faults.lag('ownership', world.settings.lags),
    deletionLag: world.faults.lag('deletions', world.settings.lags),
    success: [],
    failed: [],
    fails: partial ? share(numbers.length, { count: partial.count, fraction: partial.fraction ?? 0.5 }) : new Set(),
    settled: false,
  };
  world.bulk.set(bulk.orderId, bulk);
  world.openBulk.add(bulk);
  return ok({ data: bulkView(bulk) } satisfies Telnyx.MessagingNumbersBulkUpdateCreateResponse);
}

/** GET /messaging_numbers_bulk_updates/{order_id} */
export function retrieveBulk({ world, id }: Context): Reply {
  const bulk = world.bulk.get(id);
  if (!bulk) throw notFound();
  return ok({ data: bulkView(bulk) } satisfies Telnyx.MessagingNumbersBulkUpdateRetrieveResponse);
}

/** Ends the bulk updates that are due. */
export function settleBulk(world: World, now: number): void {
  for (const bulk of world.openBulk) {
    if (bulk.settlesAt > now) continue;
    const visible = visibleAt(bulk.settlesAt, bulk.lag, bulk.deletionLag);
    bulk.numbers.forEach((e164, index) => {
      const found = world.inventory.byNumber(e164);
      const number = found && visible(found) ? found : undefined;
      if (number?.status !== 'active' || number.deletedAt !== undefined || bulk.fails.has(index)) {
        bulk.failed.push(e164);
        return;
      }
      number.messagingProfileId = bulk.profileId || null;
      number.updatedAt = bulk.settlesAt;
      bulk.success.push(e164);
      world.book.change(e164, bulk.settlesAt, null, { messaging_profile_id: bulk.profileId });
    });
    bulk.settled = true;
    world.openBulk.delete(bulk);
  }
}
