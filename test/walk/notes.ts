import { Known } from './known.ts';
import type { Choice } from './random.ts';
import type { NumberRow } from './snapshot.ts';
import type { World } from './world.ts';

/** A call that was lost on its way and will reach Telnyx later. */
export interface LateCall {
  name: string;
  chunkId: string | null;
  numbers: string[];
  /** When it left, on the walk's clock. */
  leftAt: number;
  send: () => Promise<unknown>;
}

/** What a walk remembers of its own acts. The checks need it. */
export interface Notes {
  choice: Choice;
  world: World;
  step: number;
  steps: string[];
  tally: Map<string, number>;
  late: LateCall[];
  /** The next mutating call is lost on its way and arrives later. */
  holdBack: boolean;
  /** The next order is doubled on its way. */
  doubleCall: boolean;
  /** Id of the last event when a request was cancelled. */
  cancelled: Map<string, number>;
  requests: string[];
  /** The request whose worker sleeps while others act. */
  asleep: string | null;
  /** Step in which somebody last changed a number in the portal. */
  touched: Map<string, number>;
  /** `number field` that people set in the portal, with the last step in which they did. */
  setByPeople: Map<string, number>;
  /** Step in which the run began that sent the release of a number. */
  releaseSent: Map<string, number>;
  portedOut: Set<string>;
  /** Numbers that people bought. With a failed order line, such a number looks like a delivery. */
  portalBought: Set<string>;
  webhooks: { id: string; orderId: string }[];
  /** Times in ms when lags were longer than the settling window. What a check then said about a number may be wrong. */
  longLags: { from: number; until: number }[];
  /** Numbers of chunks that a person gave up or called not sent, and of calls that arrived after everything had said no. */
  excused: Set<string>;
  /** Numbers of calls that arrived or showed later than a settling window after they left. No check could see them in time. */
  tooLate: Set<string>;
  /** Claims (event ids) whose call has left. Each claim allows one call. */
  spentClaims: Set<number>;
  known: Known;
  /** The inventory at the start. */
  initial: Map<string, NumberRow>;
  nesting: number;
}

/** True when no check could see the effect of a call on this number in time. */
export const cameTooLate = (notes: Notes, number: string): boolean => notes.excused.has(number) || notes.tooLate.has(number);

export function newNotes(world: World, choice: Choice): Notes {
  return {
    choice,
    world,
    step: 0,
    steps: [],
    tally: new Map(),
    late: [],
    holdBack: false,
    doubleCall: false,
    cancelled: new Map(),
    requests: [],
    asleep: null,
    touched: new Map(),
    setByPeople: new Map(),
    releaseSent: new Map(),
    portedOut: new Set(),
    portalBought: new Set(),
    webhooks: [],
    longLags: [],
    excused: new Set(),
    tooLate: new Set(),
    spentClaims: new Set(),
    known: new Known(),
    initial: new Map(),
    nesting: 0,
  };
}

export function count(notes: Notes, what: string): void {
  notes.tally.set(what, (notes.tally.get(what) ?? 0) + 1);
}

export function tell(notes: Notes, text: string): void {
  notes.steps.push(`${String(notes.step).padStart(3)} ${'  '.repeat(notes.nesting)}${text}`);
}

/** An invariant that does not hold, with the rows that show it. */
export class Violation extends Error {
  readonly invariant: string;
  readonly rows: unknown;

  constructor(invariant: string, text: string, rows: unknown) {
    super(text);
    this.invariant = invariant;
    this.rows = rows;
  }
}
