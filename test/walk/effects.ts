import type { WorkDeps } from '../../src/account/deps.ts';
import type { Sql } from '../../src/db/client.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';

/** The worker has died: nothing after this happens. */
export class Crash extends Error {}

/** An effect of a worker: about to happen, inside its transaction before the commit, or done. */
export interface Boundary {
  effect: string;
  at: 'before' | 'uncommitted' | 'after';
  /** The worker has an open transaction, so others may wait for its locks. */
  locked: boolean;
}

export interface RunPlan {
  /** Called at every boundary in turn; throws Crash to end the worker there, or lets others act meanwhile. */
  boundary(b: Boundary): Promise<void>;
  /** Called before a call leaves. Throws when it may not leave. */
  beforeCall(name: keyof TelnyxGateway, args: readonly unknown[]): Promise<void>;
  /** When it returns a function, the call is lost on its way: the function takes what will be sent later. */
  lateCall(name: keyof TelnyxGateway, args: readonly unknown[]): ((send: () => Promise<unknown>) => void) | null;
  /** When it returns a function, the call is doubled on its way: the function takes the copy, which will arrive later. */
  doubledCall(name: keyof TelnyxGateway, args: readonly unknown[]): ((send: () => Promise<unknown>) => void) | null;
}

export const MUTATING: ReadonlySet<keyof TelnyxGateway> = new Set([
  'createOrder',
  'updateNumbers',
  'deleteNumbers',
  'updateEmergency',
  'updateMessaging',
  'cancelOrder',
]);

/** The same dependencies for one run of one worker: every effect has a boundary before and after it. */
export function watched(deps: WorkDeps, plan: RunPlan): WorkDeps {
  const run: Run = { plan, transactions: 0 };
  const around = async <T>(effect: string, act: () => Promise<T>): Promise<T> => {
    await plan.boundary({ effect, at: 'before', locked: run.transactions > 0 });
    const result = await act();
    await plan.boundary({ effect, at: 'after', locked: run.transactions > 0 });
    return result;
  };
  return {
    ...deps,
    db: { ...deps.db, sql: watchedSql(deps.db.sql, run, around) },
    telnyx: watchedTelnyx(deps.telnyx, plan, around),
    queue: {
      add: (jobs) => around('enqueue', () => deps.queue.add(jobs)),
      presence: (name, id) => deps.queue.presence(name, id),
      wake: (name, id) => around('wake', () => deps.queue.wake(name, id)),
      counts: () => deps.queue.counts(),
    },
  };
}

interface Run {
  plan: RunPlan;
  /** Open now. */
  transactions: number;
}

type Around = <T>(effect: string, act: () => Promise<T>) => Promise<T>;

function watchedTelnyx(telnyx: TelnyxGateway, plan: RunPlan, around: Around): TelnyxGateway {
  return new Proxy(telnyx, {
    get(target, key: keyof TelnyxGateway) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function' || key === 'limits' || key === 'close') return method;
      return (...args: unknown[]): Promise<unknown> =>
        around(key, async () => {
          const send = (): Promise<unknown> => Reflect.apply(method, target, args) as Promise<unknown>;
          if (!MUTATING.has(key)) return send();
          await plan.beforeCall(key, args);
          const late = plan.lateCall(key, args);
          // The last check runs before the call leaves. When the call arrives late, nothing is checked again.
          const sent = args.filter((arg) => typeof arg !== 'function');
          const arrive = (): Promise<unknown> => Reflect.apply(method, target, sent) as Promise<unknown>;
          if (late === null) {
            const double = plan.doubledCall(key, args);
            return double === null
              ? send()
              : (Reflect.apply(
                  method,
                  target,
                  doubling(args, () => double(arrive)),
                ) as Promise<unknown>);
          }
          for (const arg of args) if (typeof arg === 'function') await Reflect.apply(arg, undefined, []);
          late(arrive);
          throw new ProvisioningError('unknown_outcome', 'ambiguous', `${key}: no answer came (the walk holds the call back)`);
        });
    },
  });
}

/** The arguments of a call that is doubled when it leaves. A call that its last check holds back never leaves, and has no copy. */
function doubling(args: unknown[], double: () => void): unknown[] {
  const check = args.find((arg) => typeof arg === 'function');
  if (check === undefined) {
    double();
    return args;
  }
  const checkThenDouble = async (): Promise<void> => {
    await Reflect.apply(check, undefined, []);
    double();
  };
  return args.map((arg) => (arg === check ? checkThenDouble : arg));
}

/** A statement outside of a transaction is one effect, and so is a whole transaction, which commits or does not. */
function watchedSql(sql: Sql, run: Run, around: Around): Sql {
  return new Proxy(sql, {
    apply(target, self, args: unknown[]): unknown {
      const query: unknown = Reflect.apply(target, self, args);
      if (!(query instanceof Promise)) return query;
      const settle = query.then.bind(query);
      // Fragments are never awaited, so only whole statements get here.
      const execute = () => around('statement', () => new Promise((resolve, reject) => settle(resolve, reject)));
      Object.defineProperty(query, 'then', {
        value: (ok?: (value: unknown) => unknown, bad?: (error: unknown) => unknown) => execute().then(ok, bad),
      });
      return query;
    },
    get(target, key): unknown {
      if (key !== 'begin') return Reflect.get(target, key);
      return <T>(work: (tx: never) => Promise<T>): Promise<T> => around('transaction', () => transaction(target, run, work));
    },
  });
}

async function transaction<T>(sql: Sql, run: Run, work: (tx: never) => Promise<T>): Promise<T> {
  run.transactions += 1;
  try {
    return (await sql.begin(async (tx) => {
      const result = await work(tx as never);
      await run.plan.boundary({ effect: 'transaction', at: 'uncommitted', locked: true });
      return result;
    })) as T;
  } finally {
    run.transactions -= 1;
  }
}
