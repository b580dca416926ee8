import { randomUUID } from 'node:crypto';
import type Telnyx from 'telnyx';
import type { Reservation } from '../types.ts';
import type { World } from '../world.ts';
import { sellBetween } from './availability.ts';
import { type Context, ok, pagedArray, type Reply } from './context.ts';
import { isUnverified, levelRefusal } from './level.ts';
import { isFree } from './search.ts';
import { E164, invalid, iso, isRecord, notFound, text } from './wire.ts';

const HOLD_MS = 30 * 60_000;
const MAX_EXTENSIONS = 2;
const MAX_NUMBERS = 100;
const MAX_ACTIVE = 200;

function view(reservation: Reservation): Telnyx.NumberReservation {
  const created_at = iso(reservation.createdAt);
  const updated_at = iso(reservation.updatedAt);
  const good = reservation.lines.filter((line) => line.error === undefined).length;
  const status = good === reservation.lines.length ? 'success' : good === 0 ? 'failure' : 'partial_success';
  return {
    id: reservation.id,
    record_type: 'number_reservation',
    // `partial_success` is real though the SDK's type lacks it.
    status: status as NonNullable<Telnyx.NumberReservation['status']>,
    created_at,
    updated_at,
    ...(reservation.customerReference === undefined ? {} : { customer_reference: reservation.customerReference }),
    phone_numbers: reservation.lines.map((line) => ({
      id: line.id,
      record_type: 'reserved_phone_number',
      phone_number: line.e164,
      status: line.error === undefined ? ('success' as const) : ('failure' as const),
      created_at,
      updated_at,
      expired_at: iso(reservation.expiresAt),
      ...(line.error === undefined ? {} : { errors: line.error }),
    })),
  };
}

function reserve(world: World, e164: string): string | undefined {
  const number = world.poolByNumber.get(e164);
  const held = world.reservedBy.get(e164);
  if (!number?.reservable || !isFree(world, number)) return 'Number is not available for reservation';
  return held && held.expiresAt > world.now() ? 'Number is already reserved' : undefined;
}

function assertPermitted(context: Context): void {
  if (isUnverified(context)) throw levelRefusal('10038', 'Reserving numbers');
}

/** POST /number_reservations: refuses single numbers, not the whole. */
export function createReservation(context: Context): Reply {
  const { world, body } = context;
  assertPermitted(context);
  const raw: unknown[] = Array.isArray(body['phone_numbers']) ? body['phone_numbers'] : [];
  const asked = raw.map((entry) => (isRecord(entry) ? (text(entry, 'phone_number') ?? '') : ''));
  if (asked.length === 0 || asked.length > MAX_NUMBERS)
    throw invalid('/phone_numbers', `between 1 and ${MAX_NUMBERS} phone numbers`);
  if (!asked.every((e164) => E164.test(e164))) throw invalid('/phone_numbers', 'must be in +E.164 format', '10016');
  const active = [...world.reservations.values()].filter((held) => held.expiresAt > world.now()).length;
  if (active >= MAX_ACTIVE) throw invalid('/base', 'Too many active reservations', '85007');
  sellBetween(
    context,
    asked.filter((e164) => reserve(world, e164) === undefined),
  );
  const now = world.now();
  const reservation: Reservation = {
    id: randomUUID(),
    customerReference: text(body, 'customer_reference'),
    lines: [...new Set(asked)].map((e164) => ({ id: randomUUID(), e164, error: reserve(world, e164) })),
    createdAt: now,
    updatedAt: now,
    expiresAt: now + HOLD_MS,
    extensions: 0,
  };
  world.reservations.set(reservation.id, reservation);
  for (const line of reservation.lines) if (line.error === undefined) world.reservedBy.set(line.e164, reservation);
  return ok({ data: view(reservation) } satisfies Telnyx.NumberReservationCreateResponse);
}

/** The reservation that the path names; answers 404 when there is none. */
function reservationOf(context: Context): Reservation {
  assertPermitted(context);
  const reservation = context.world.reservations.get(context.id);
  if (!reservation) throw notFound();
  return reservation;
}

/** GET /number_reservations/{id} */
export function retrieveReservation(context: Context): Reply {
  const reservation = reservationOf(context);
  return ok({ data: view(reservation) } satisfies Telnyx.NumberReservationRetrieveResponse);
}

/** POST /number_reservations/{id}/actions/extend: all its numbers, a limited number of times. */
export function extendReservation(context: Context): Reply {
  const { world } = context;
  const reservation = reservationOf(context);
  if (reservation.extensions >= MAX_EXTENSIONS || reservation.expiresAt <= world.now()) {
    throw invalid('/base', 'The reservation cannot be extended again', '85008');
  }
  reservation.extensions += 1;
  reservation.expiresAt += HOLD_MS;
  reservation.updatedAt = world.now();
  return ok({ data: view(reservation) } satisfies Telnyx.NumberReservationRetrieveResponse);
}

/** GET /number_reservations */
export function listReservations(context: Context): Reply {
  const { world, query } = context;
  assertPermitted(context);
  const reference = query.one('filter[customer_reference]');
  const status = query.one('filter[status]');
  const number = query.one('filter[phone_numbers.phone_number]');
  const rows = [...world.reservations.values()]
    .reverse()
    .filter((held) => reference === undefined || held.customerReference === reference)
    .filter((held) => number === undefined || held.lines.some((line) => line.e164 === number))
    .filter((held) => status === undefined || view(held).status === status);
  return ok(pagedArray(context, rows, view));
}
