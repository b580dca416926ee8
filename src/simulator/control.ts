import { isFree } from './api/search.ts';
import { type Body, isRecord, text } from './api/wire.ts';
import type { Behaviour } from './behaviour.ts';
import type { FaultScript } from './fault-kinds.ts';
import type { Simulator } from './interface.ts';
import { actInPortal } from './portal-request.ts';
import { settle } from './settle.ts';
import type { World } from './world.ts';

export interface ControlReply {
  status: number;
  type: 'application/json' | 'text/csv';
  body: string;
}

function json(value: unknown, status = 200): ControlReply {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

function listNumbers(world: World, params: URLSearchParams): ControlReply {
  settle(world);
  const tag = params.get('tag');
  const owned = [...world.owned.values()].filter((number) => tag === null || number.tags.includes(tag));
  const all = params.get('owned') === 'false' ? world.pool.filter((number) => isFree(world, number)) : owned;
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
    case 'GET /_sim/settings':
      return json(simulator.behaviour());
    case 'POST /_sim/settings':
      // Whatever it is: the simulator checks it to the last key.
      simulator.behave(parsed as Partial<Behaviour>);
      return json(simulator.behaviour());
    case 'POST /_sim/reset':
      simulator.reset();
      return json({ ok: true });
    case 'POST /_sim/webhooks':
      simulator.setWebhooks(text(body, 'url'));
      return json({ ok: true });
    case 'POST /_sim/portal':
      return json(actInPortal(simulator, parsed) ?? { ok: true });
    default:
      return json({ error: 'no such control' }, 404);
  }
}
