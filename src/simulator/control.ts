import type { FaultScript } from './fault-kinds.ts';
import { onSale } from './search.ts';
import { settle } from './settle.ts';
import type { EmergencyStatus, OwnedField, Simulator } from './types.ts';
import { type Body, bool, isRecord, strings, text } from './wire.ts';
import type { World } from './world.ts';

export interface ControlReply {
  status: number;
  type: 'application/json' | 'text/csv';
  body: string;
}

const EMERGENCY: readonly string[] = ['active', 'deprovisioning', 'disabled', 'provisioning', 'provisioning-failed'];

function json(value: unknown, status = 200): ControlReply {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

function count(body: Body): number {
  const value = body['count'];
  return typeof value === 'number' ? value : 1;
}

function numbers(body: Body): string[] {
  const list = strings(body, 'phone_numbers');
  if (!list) throw new Error('phone_numbers must be a list');
  return list;
}

function emergencyStatus(body: Body): EmergencyStatus {
  const status = text(body, 'status') ?? 'active';
  if (!EMERGENCY.includes(status)) throw new Error(`unknown emergency status: ${status}`);
  return status as EmergencyStatus;
}

function fieldValue(body: Body): string | boolean | null {
  const value = body['value'];
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

/** POST /_sim/portal: the state helpers over HTTP. */
function act(simulator: Simulator, body: Body): unknown {
  const action = text(body, 'action');
  const orderId = text(body, 'order_id') ?? '';
  switch (action) {
    case 'release':
      return simulator.releaseInPortal(numbers(body));
    case 'port_out':
      return simulator.portOut(numbers(body));
    case 'buy':
      return { phone_numbers: simulator.buyInPortal(count(body)) };
    case 'lock':
      return simulator.lock(numbers(body), bool(body, 'locked') ?? true);
    case 'set_emergency':
      return simulator.setEmergency(numbers(body), emergencyStatus(body));
    case 'set_tags':
      return simulator.setTags(numbers(body), strings(body, 'tags') ?? []);
    case 'set_field':
      return simulator.setOwnedField(numbers(body), (text(body, 'field') ?? '') as OwnedField, fieldValue(body));
    case 'open_foreign_jobs':
      return simulator.openForeignJobs(count(body));
    case 'close_foreign_jobs':
      return simulator.closeForeignJobs();
    case 'approve_order':
      return simulator.decideOrder(orderId, 'approve');
    case 'decline_order':
      return simulator.decideOrder(orderId, 'decline');
    case 'cancel_order':
      return simulator.decideOrder(orderId, 'cancel');
    default:
      throw new Error(`unknown action: ${String(action)}`);
  }
}

function listNumbers(world: World, params: URLSearchParams): ControlReply {
  settle(world);
  const tag = params.get('tag');
  const owned = [...world.owned.values()].filter((number) => tag === null || number.tags.includes(tag));
  const all = params.get('owned') === 'false' ? world.pool.filter((number) => onSale(world, number)) : owned;
  const limit = Number(params.get('limit') ?? all.length);
  const list = all.slice(0, limit).map((number) => number.e164);
  if (params.get('format') !== 'csv') return json(list);
  return { status: 200, type: 'text/csv', body: `phone_number\n${list.join('\n')}\n` };
}

/** The control interface; throws what the caller did wrong. */
export function control(
  simulator: Simulator,
  world: World,
  method: string,
  path: string,
  params: URLSearchParams,
  raw: string,
  summary: () => unknown,
): ControlReply {
  const parsed: unknown = raw === '' ? {} : JSON.parse(raw);
  const body: Body = isRecord(parsed) ? parsed : {};
  switch (`${method} ${path}`) {
    case 'GET /_sim/ledger':
      return json(params.get('summary') === 'true' ? summary() : simulator.ledger());
    case 'GET /_sim/numbers':
      return listNumbers(world, params);
    case 'GET /_sim/public-key':
      return json({ public_key: simulator.publicKey });
    case 'GET /_sim/faults':
      return json({ faults: simulator.faultStates() });
    case 'POST /_sim/faults':
      // Whatever it is: the simulator checks it to the last key.
      simulator.faults(parsed as FaultScript);
      return json({ ok: true });
    case 'POST /_sim/reset':
      simulator.reset();
      return json({ ok: true });
    case 'POST /_sim/webhooks':
      simulator.setWebhooks(text(body, 'url'));
      return json({ ok: true });
    case 'POST /_sim/portal':
      return json(act(simulator, body) ?? { ok: true });
    default:
      return json({ error: 'no such control' }, 404);
  }
}
