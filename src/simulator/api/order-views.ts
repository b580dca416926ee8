import type Telnyx from 'telnyx';
import type { Order, OrderLine } from '../types.ts';
import { iso } from './wire.ts';

type WireOrder = Telnyx.NumberOrderWithPhoneNumbers;
type WireLine = NonNullable<WireOrder['phone_numbers']>[number];
type WireStatus = NonNullable<WireOrder['status']>;

/** The service sends more statuses than the SDK's types admit. */
function wireStatus(status: string): WireStatus {
  return status as WireStatus;
}

export function requirementsMet(line: OrderLine): boolean {
  return !line.paperwork || line.approved;
}

export function requirementsOf(line: OrderLine): NonNullable<WireLine['regulatory_requirements']> {
  if (!line.paperwork) return [];
  return [
    {
      record_type: 'phone_number_regulatory_requirement',
      requirement_id: '8ffb3622-7c6b-4ccc-b65f-7a3dc0099576',
      field_type: 'textual',
      ...(line.approved ? { field_value: 'provided' } : {}),
    },
  ];
}

function requirementsStatus(line: OrderLine): NonNullable<WireLine['requirements_status']> {
  if (line.status === 'cancelled') return 'cancelled';
  return requirementsMet(line) ? 'approved' : 'requirement-info-pending';
}

export function lineView(line: OrderLine): WireLine {
  return {
    id: line.id,
    record_type: 'number_order_phone_number',
    phone_number: line.e164,
    status: wireStatus(line.status),
    phone_number_type: line.area.type,
    country_code: line.area.country,
    country_iso_alpha2: line.area.country,
    requirements_met: requirementsMet(line),
    requirements_status: requirementsStatus(line),
    regulatory_requirements: requirementsOf(line),
  };
}

function head(order: Order): Omit<WireOrder, 'phone_numbers'> {
  return {
    id: order.id,
    record_type: 'number_order',
    status: wireStatus(order.status),
    phone_numbers_count: order.lines.length,
    requirements_met: order.lines.every(requirementsMet),
    sub_number_orders_ids: order.subOrderIds,
    created_at: iso(order.createdAt),
    updated_at: iso(order.updatedAt),
    ...(order.customerReference === undefined ? {} : { customer_reference: order.customerReference }),
    ...(order.connectionId === undefined ? {} : { connection_id: order.connectionId }),
    ...(order.messagingProfileId === undefined ? {} : { messaging_profile_id: order.messagingProfileId }),
    ...(order.billingGroupId === undefined ? {} : { billing_group_id: order.billingGroupId }),
  };
}

/** An order as create, retrieve, update and the webhook show it. */
export function orderView(order: Order): WireOrder {
  return { ...head(order), phone_numbers: order.lines.map(lineView) };
}

/** An order as the list shows it: lines without status. */
export function orderRow(order: Order): Telnyx.NumberOrderListResponse {
  return { ...head(order), phone_numbers: order.lines.map((line) => ({ id: line.id, phone_number: line.e164 })) };
}

/** The status of some lines taken together. */
export function statusOf(lines: readonly OrderLine[]): OrderLine['status'] {
  if (lines.some((line) => line.status === 'pending')) return 'pending';
  if (lines.some((line) => line.status === 'success')) return 'success';
  return lines.some((line) => line.status === 'cancelled') ? 'cancelled' : 'failure';
}

/** A sub order; the numbers only on request, and then only the first 50. */
export function subOrderView(order: Order, id: string, withNumbers: boolean): Telnyx.SubNumberOrders.NumbersSubNumberOrder {
  const lines = order.lines.filter((line) => line.subOrderId === id);
  const area = lines[0]?.area;
  return {
    id,
    record_type: 'sub_number_order',
    order_request_id: order.id,
    status: wireStatus(statusOf(lines)),
    phone_numbers_count: lines.length,
    is_block_sub_number_order: false,
    requirements_met: lines.every(requirementsMet),
    regulatory_requirements: lines[0] ? requirementsOf(lines[0]) : [],
    created_at: iso(order.createdAt),
    updated_at: iso(order.updatedAt),
    user_id: '6a09cdc3-8948-47f0-aa62-74ac943d6c58',
    ...(area ? { country_code: area.country, phone_number_type: area.type } : {}),
    ...(order.customerReference === undefined ? {} : { customer_reference: order.customerReference }),
    ...(withNumbers ? { phone_numbers: lines.slice(0, 50).map(lineView) } : {}),
  };
}

/** An order line as its own resource: the only place a deadline shows. */
export function orderLineView(order: Order, line: OrderLine): Telnyx.NumberOrderPhoneNumbers.NumberOrderPhoneNumber {
  return {
    id: line.id,
    record_type: 'number_order_phone_number',
    phone_number: line.e164,
    phone_number_type: line.area.type,
    country_code: line.area.country,
    locality: line.area.locality,
    order_request_id: order.id,
    sub_number_order_id: line.subOrderId,
    is_block_number: false,
    bundle_id: null,
    status: wireStatus(line.status),
    requirements_met: requirementsMet(line),
    requirements_status: requirementsStatus(line),
    regulatory_requirements: requirementsOf(line),
    ...(order.deadline === undefined || !line.paperwork ? {} : { deadline: iso(order.deadline) }),
  };
}
