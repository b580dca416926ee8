import { behaviourOf } from './behaviour.ts';
import { control } from './control.ts';
import { parseScript, parseSettings } from './fault-schema.ts';
import type { Settings, Simulator, SimulatorOptions } from './interface.ts';
import { portalOf } from './portal.ts';
import { RateLimits } from './rates.ts';
import { close, listen } from './server.ts';
import { settle } from './settle.ts';
import { startWebhooks } from './webhooks.ts';
import { createWorld } from './world.ts';

export { type Behaviour, FIELD_SHAPE, OLD_SHAPE, type RefusalShape } from './behaviour.ts';
export type { Fault, FaultKind, FaultScript, FaultState } from './fault-kinds.ts';
export { ScriptError } from './fault-schema.ts';
export type { Portal, Simulator, SimulatorOptions } from './interface.ts';
export type { Bought, Changed, Ledger, LedgerSummary, Released } from './ledger.ts';
export { SIMULATED_ACCOUNT, SIMULATED_BAD_IDS } from './seed.ts';
export type { E164, EmergencyStatus, Family, OwnedField } from './types.ts';

const PLENTY = 2000;

function settingsOf(options: SimulatorOptions): Settings {
  return {
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    apiKey: options.apiKey ?? 'KEY_SIM',
    numbers: options.numbers ?? 20_000,
    owned: options.owned ?? 5_000,
    seed: options.seed ?? 1,
    now: options.now ?? Date.now,
    latencyMs: options.latencyMs ?? { min: 0, max: 0 },
    lags: { ownership: 1500, orders: 1000, inventory: 2000, deletions: 0, ...options.visibilityLagMs },
    orderMs: options.orderMs ?? 1200,
    jobPendingMs: options.jobPendingMs ?? 500,
    jobPerNumberMs: options.jobPerNumberMs ?? 2,
    rates: {
      search: PLENTY,
      orders: PLENTY,
      reads: PLENTY,
      jobs: PLENTY,
      messaging: PLENTY,
      ownership: PLENTY,
      numbers: PLENTY,
      ...options.rates,
    },
    balance: options.balance ?? '100000.00',
    recentSearchMs: options.recentSearchMs ?? 86_400_000,
    partialFailure: options.partialFailure ?? 0,
    behaviour: behaviourOf(options),
  };
}

/**
 * Starts the simulator: it answers like the Telnyx numbers API on loopback, with its own state, clock and ledger, and with
 * faults on demand. Point `TELNYX_BASE_URL` at `url`.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const settings = settingsOf(options);
  let world = createWorld(settings);
  let limits = new RateLimits(settings.rates);
  const webhooks = startWebhooks(() => world, options.webhookUrl);
  const summary = (): unknown => {
    settle(world);
    return world.book.summary([...world.orders.values()], [...world.jobs.values()], world.owned.size);
  };
  const server = await listen(
    {
      world: () => world,
      limits: () => limits,
      control: (method, path, params, body) => control(simulator, world, method, path, params, body, summary),
    },
    settings.host,
    settings.port,
    settings.seed,
  ).catch(async (error: unknown) => {
    await webhooks.stop();
    throw error;
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  const simulator: Simulator = {
    ...portalOf(() => world),
    url: `http://${settings.host}:${port}/v2`,
    controlUrl: `http://${settings.host}:${port}`,
    port,
    publicKey: webhooks.publicKey,
    ledger: () => {
      settle(world);
      return world.book.snapshot([...world.orders.values()], [...world.jobs.values()], world.owned.size);
    },
    faults: (script) => {
      const isKnown = (e164: string): boolean => world.poolByNumber.has(e164) || world.inventory.byNumber(e164) !== undefined;
      const parsed = parseScript(script, isKnown);
      world.behaviour = { ...world.behaviour, ...parsed.settings };
      world.faults.apply(parsed);
      // Acts that are due at once are done at once.
      settle(world);
    },
    behave: (changes) => {
      world.behaviour = { ...world.behaviour, ...parseSettings(changes) };
    },
    behaviour: () => world.behaviour,
    faultStates: () => world.faults.states(),
    reset: () => {
      world = createWorld(settings);
      limits = new RateLimits(settings.rates);
      webhooks.clear();
    },
    setWebhooks: (url) => webhooks.setUrl(url),
    ownedNumbers: () => {
      settle(world);
      return [...world.owned.keys()];
    },
    stop: async () => {
      await webhooks.stop();
      await close(server);
    },
  };
  return simulator;
}
