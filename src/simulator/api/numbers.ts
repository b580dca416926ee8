import type Telnyx from 'telnyx';
import { applyChanges, numberChanges, voiceChanges } from '../changes.ts';
import type { OwnedNumber } from '../types.ts';
import { dismiss, emergencyOf, finder, visibility, type World } from '../world.ts';
import { type Context, ok, paged, type Reply } from './context.ts';
import { connectionName, deletedView, disguiseOf, numberView, slimView, voiceView } from './number-views.ts';
import { E164, invalid, notFound, type Query, Refusal, strings } from './wire.ts';

/** The number of the path, if the account can see it. */
export function numberOf(context: Context): OwnedNumber {
  const number = finder(context.world, 'inventory')(context.id);
  if (!number || number.deletedAt !== undefined) throw notFound();
  return number;
}

type Test = (number: OwnedNumber) => boolean;

const NULLABLE = [
  ['filter[connection_id]', 'connectionId'],
  ['filter[billing_group_id]', 'billingGroupId'],
  ['filter[emergency_address_id]', 'emergencyAddressId'],
] as const;

function nameTest(query: Query, key: string): Test | undefined {
  const [contains, starts, ends, eq] = ['contains', 'starts_with', 'ends_with', 'eq'].map((op) => query.one(`${key}[${op}]`));
  if ([contains, starts, ends, eq].every((value) => value === undefined)) return undefined;
  return (number) => {
    const name = connectionName(number) ?? '';
    return name.includes(contains ?? '') && name.startsWith(starts ?? '') && name.endsWith(ends ?? '') && (eq ?? name) === name;
  };
}

/** Three digits or more, anywhere in the number; anything else finds nothing. */
function digitTest(query: Query): Test | undefined {
  const digits = query.one('filter[phone_number]')?.replace(/^\+/, '');
  if (digits === undefined) return undefined;
  return /^\d{3,}$/.test(digits) ? (number) => number.e164.includes(digits) : () => false;
}

/** Only the tests that a query needs, so an unfiltered walk over a large inventory stays quick. */
function filterTests(query: Query): Test[] {
  const tests: Test[] = [];
  const given = (key: string, make: (value: string) => Test): void => {
    const value = query.one(`filter[${key}]`);
    if (value !== undefined) tests.push(make(value));
  };
  const countries = query.list('filter[country_iso_alpha2]');
  if (countries.length > 0) tests.push((number) => countries.includes(number.area.country));
  given('tag', (tag) => (number) => number.tags.includes(tag));
  given('customer_reference', (reference) => (number) => number.customerReference === reference);
  given('number_type][eq', (type) => (number) => number.area.type === type);
  given('source', (source) => () => source === 'purchased');
  given('without_tags', (value) => (number) => value !== 'true' || number.tags.length === 0);
  given(
    'voice.usage_payment_method',
    (method) => (number) => (number.voice?.['usage_payment_method'] ?? 'pay-per-minute') === method,
  );
  for (const [key, field] of NULLABLE) {
    const wanted = query.one(key);
    if (wanted !== undefined) tests.push((number) => number[field] === (wanted === 'null' ? null : wanted));
  }
  for (const test of [digitTest(query), nameTest(query, 'filter[voice.connection_name]')]) if (test) tests.push(test);
  return tests;
}

/** Both inventory lists and the update job's `filter` select with this; `undefined` when every row passes. */
export function inventoryTest(world: World, query: Query): Test | undefined {
  // The slim list spells one status with an underscore.
  const status = query.one('filter[status]')?.replaceAll('_', '-');
  const visible = visibility(world, 'inventory');
  const tests = filterTests(query);
  const lag = world.faults.lag('inventory', world.settings.lags);
  if (tests.length === 0 && status === undefined && world.inventory.settledBy(world.now() - lag)) return undefined;
  // Most rows of a large account fail these tests, so visibility is tested on the rest only.
  return (number) =>
    tests.every((test) => test(number)) &&
    (visible(number) || (status === 'deleted' && number.deletedAt !== undefined)) &&
    (status === undefined || number.status === status);
}

function list<T>(context: Context, view: (number: OwnedNumber) => T, also?: Test): Reply {
  const { world, query } = context;
  const order = query.one('sort') === 'phone_number' ? 'phone_number' : 'created';
  const filter = inventoryTest(world, query);
  const passes = also ? (number: OwnedNumber) => also(number) && (filter?.(number) ?? true) : filter;
  return ok(
    paged(context, (offset, size) => {
      const { rows, total } = world.inventory.page(order, passes, offset, size);
      return { rows: rows.map(view), total };
    }),
  );
}

/** GET /phone_numbers */
export function listNumbers(context: Context): Reply {
  const disguise = disguiseOf(context);
  return list(context, (number) => numberView(context.world, number, disguise));
}

/** GET /phone_numbers/slim */
export function listSlim(context: Context): Reply {
  const disguise = disguiseOf(context, true);
  const include = {
    tags: context.query.flag('include_tags') === true,
    connection: context.query.flag('include_connection') === true,
  };
  return list(context, (number) => slimView(context.world, number, include, disguise));
}

/** GET /phone_numbers/voice */
export function listVoice(context: Context): Reply {
  const named = nameTest(context.query, 'filter[connection_name]');
  return list(context, (number) => voiceView(context.world, number), named);
}

/** GET /phone_numbers/{id} */
export function retrieveNumber(context: Context): Reply {
  const data = numberView(context.world, numberOf(context), disguiseOf(context));
  return ok({ data } satisfies Telnyx.PhoneNumberRetrieveResponse);
}

/** PATCH /phone_numbers/{id} */
export function updateNumber(context: Context): Reply {
  const { world, body } = context;
  const number = numberOf(context);
  if (body['messaging_profile_id'] !== undefined)
    throw invalid('/messaging_profile_id', 'messaging_profile_id is not reachable here');
  const changes = numberChanges(body, false);
  applyChanges(number, changes, world.now());
  world.book.change(number.e164, world.now(), null, changes);
  return ok({ data: numberView(world, number, disguiseOf(context)) } satisfies Telnyx.PhoneNumberUpdateResponse);
}

/** DELETE /phone_numbers/{id}: answers with the final object. */
export function deleteNumber(context: Context): Reply {
  const { world } = context;
  const number = numberOf(context);
  if (number.locked) throw new Refusal(422, { code: '10035', title: 'Resource locked', detail: 'Deletion lock is enabled' });
  const emergency = emergencyOf(world, number) !== 'disabled';
  dismiss(world, number, world.now());
  world.book.release({
    phone_number: number.e164,
    job_id: null,
    at: world.now(),
    was_locked: false,
    was_emergency: emergency,
  });
  return ok({ data: deletedView(world, number) } satisfies Telnyx.PhoneNumberDeleteResponse);
}

/** POST /phone_numbers/actions/verify_ownership: found means owned and editable. */
export function verifyOwnership({ world, body }: Context): Reply {
  const asked = strings(body, 'phone_numbers') ?? [];
  if (asked.length === 0 || asked.length > 1000) throw invalid('/phone_numbers', 'between 1 and 1000 phone numbers');
  if (!asked.every((number) => E164.test(number))) throw invalid('/phone_numbers', 'must be in +E.164 format', '10016');
  const found: { id: string; number_val_e164: string }[] = [];
  const not_found: string[] = [];
  const find = finder(world, 'ownership');
  for (const e164 of new Set(asked)) {
    const number = find(e164);
    if (number && number.status !== 'ported-out') found.push({ id: number.id, number_val_e164: e164 });
    else not_found.push(e164);
  }
  const data = { found, not_found, record_type: 'number_ownership_verification' };
  return ok({ data } satisfies Telnyx.PhoneNumbers.ActionVerifyOwnershipResponse);
}

/** GET /phone_numbers/{id}/voice */
export function retrieveVoice(context: Context): Reply {
  return ok({ data: voiceView(context.world, numberOf(context)) } satisfies Telnyx.PhoneNumbers.VoiceRetrieveResponse);
}

/** PATCH /phone_numbers/{id}/voice */
export function updateVoice(context: Context): Reply {
  const { world, body } = context;
  const number = numberOf(context);
  const changes = { voice: voiceChanges(body) };
  applyChanges(number, changes, world.now());
  world.book.change(number.e164, world.now(), null, changes);
  return ok({ data: voiceView(world, number) } satisfies Telnyx.PhoneNumbers.VoiceUpdateResponse);
}
