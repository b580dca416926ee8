import type { Behaviour } from './behaviour.ts';
import type { FaultScript, FaultState } from './fault-kinds.ts';
import type { Ledger } from './ledger.ts';
import type { E164, EmergencyStatus, Family, Lags, OwnedField } from './types.ts';

/** How the service answers (`Behaviour`) is as in the field unless an option says otherwise. */
export interface SimulatorOptions extends Partial<Behaviour> {
  /** 0 takes any free port. */
  port?: number;
  host?: '127.0.0.1';
  /** The one key that is accepted. */
  apiKey?: string;
  /** Size of the pool on sale. */
  numbers?: number;
  /** Numbers the account owns at the start. */
  owned?: number;
  seed?: number;
  /** Milliseconds. Every phase and every lag is computed from it, so a test can move time. */
  now?: () => number;
  latencyMs?: { min: number; max: number };
  visibilityLagMs?: Partial<Lags>;
  orderMs?: number;
  jobPendingMs?: number;
  jobPerNumberMs?: number;
  /** Requests a second for each family. */
  rates?: Partial<Record<Family, number>>;
  balance?: string;
  webhookUrl?: string;
  recentSearchMs?: number;
  /** Probability that a number of a job fails. */
  partialFailure?: number;
}

export type Settings = Required<Omit<SimulatorOptions, 'webhookUrl' | 'visibilityLagMs' | 'rates' | keyof Behaviour>> & {
  lags: Lags;
  rates: Record<Family, number>;
  /** At the start, and after a reset. */
  behaviour: Behaviour;
};

/** What an operator or somebody else can do behind the API's back. */
export interface Portal {
  releaseInPortal(numbers: readonly E164[]): void;
  portOut(numbers: readonly E164[]): void;
  /** Returns what was bought. */
  buyInPortal(count: number): E164[];
  lock(numbers: readonly E164[], locked?: boolean): void;
  setEmergency(numbers: readonly E164[], status: EmergencyStatus): void;
  setTags(numbers: readonly E164[], tags: readonly string[]): void;
  setOwnedField(numbers: readonly E164[], field: OwnedField, value: string | boolean | null): void;
  /** Other people's jobs that eat slots. */
  openForeignJobs(count: number): void;
  closeForeignJobs(): void;
  decideOrder(orderId: string, decision: 'approve' | 'decline' | 'cancel'): void;
}

export interface Simulator extends Portal {
  /** For TELNYX_BASE_URL. */
  url: string;
  controlUrl: string;
  port: number;
  /** Base64 of the raw 32-byte Ed25519 key that webhooks are signed with. */
  publicKey: string;
  ledger(): Ledger;
  /** Sets faults; throws a `ScriptError` that names every mistake. */
  faults(script: FaultScript): void;
  /** Changes how the service answers; throws a `ScriptError` that names every mistake. */
  behave(changes: Partial<Behaviour>): void;
  behaviour(): Behaviour;
  /** What is set, and how often it has struck. */
  faultStates(): FaultState[];
  /** Back to the seeded start and its settings; clears ledger and faults. */
  reset(): void;
  setWebhooks(url: string | undefined): void;
  ownedNumbers(): E164[];
  stop(): Promise<void>;
}
