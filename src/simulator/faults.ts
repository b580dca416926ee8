import { type Fault, type FaultKind, type FaultScript, type FaultState, isAct, type Target } from './fault-kinds.ts';
import { type Random, seededRandom } from './random.ts';
import type { Lags } from './types.ts';

export type { Fault, FaultKind, FaultScript, FaultState, Target } from './fault-kinds.ts';

interface Armed {
  readonly fault: Fault;
  readonly act: boolean;
  /** Acts only: struck by requests, not by the clock. */
  readonly byRequest: boolean;
  readonly pattern: RegExp | undefined;
  readonly begins: number;
  readonly ends: number;
  /** A stream for this fault alone, so its strikes do not depend on requests of other kinds in between. */
  random: Random;
  seen: number;
  struck: number;
  /** Acts only: was due and found nothing to act on. */
  waits: boolean;
  retryAt: number;
}

/** An act that is due since `at`. Call exactly one of its two functions. */
export interface DueAct {
  readonly fault: Fault;
  readonly at: number;
  readonly random: Random;
  /** Counts the chance and says whether the act strikes, which its probability decides. */
  strikes(): boolean;
  /** Records that there is nothing to act on yet. */
  waits(): void;
}

type Fits = (fault: Fault) => boolean;

/** The faults in force. */
export class FaultSet {
  #armed: Armed[] = [];
  #seed: number;
  /** How many have been set since the last seed: each has a stream of its own. */
  #made = 0;
  readonly #now: () => number;
  /** The conditions that were decided for the present request. `undefined` between requests. */
  #request: { target: Target; decided: Map<Armed, boolean> } | undefined;

  constructor(seed: number, now: () => number) {
    this.#seed = seed;
    this.#now = now;
  }

  /** Adds the faults of a checked script, after clearing if it says so. */
  apply(script: FaultScript): void {
    if (script.clear) this.#armed = [];
    if (script.seed !== undefined) {
      this.#seed = script.seed;
      this.#made = 0;
      for (const armed of this.#armed) armed.random = this.#stream();
    }
    for (const fault of script.faults ?? []) this.#armed.push(this.#arm(fault));
  }

  get seed(): number {
    return this.#seed;
  }

  states(): FaultState[] {
    return this.#armed.map(({ fault, seen, struck }) => ({ fault, seen, struck }));
  }

  /** Between `begin` and `end`, conditions are decided once for the request. */
  begin(target: Target): void {
    this.#request = { target, decided: new Map() };
  }

  end(): void {
    this.#request = undefined;
  }

  /** The fault of this kind that strikes now, counted as used. `fits` says whether it can have an effect here. */
  take(kind: FaultKind, target?: Target, fits?: Fits): Fault | undefined {
    for (const armed of this.#armed) {
      if (armed.fault.kind === kind && this.#applies(armed, target) && fits?.(armed.fault) !== false && decide(armed)) {
        return armed.fault;
      }
    }
    return undefined;
  }

  /** All faults of this kind that strike now. */
  takeAll(kind: FaultKind, target: Target, fits: Fits): Fault[] {
    const candidates = this.#armed.filter((armed) => armed.fault.kind === kind && this.#applies(armed, target));
    return candidates.filter((armed) => fits(armed.fault) && decide(armed)).map(({ fault }) => fault);
  }

  /**
   * The fault of this kind that holds for the whole request: a condition, such as lag, that several parts of one answer ask for.
   * It is counted once for each request. Between requests there is none.
   */
  condition(kind: FaultKind, fits: Fits): Fault | undefined {
    const request = this.#request;
    if (!request) return undefined;
    for (const armed of this.#armed) {
      if (armed.fault.kind !== kind || !this.#applies(armed, request.target) || !fits(armed.fault)) continue;
      const strikes = request.decided.get(armed) ?? decide(armed);
      request.decided.set(armed, strikes);
      if (strikes) return armed.fault;
    }
    return undefined;
  }

  /** Returns the lag that a fault sets, else the configured one. */
  lag(name: keyof Lags, base: Lags): number {
    const own = this.condition('lag', (fault) => fault[name] !== undefined)?.[name];
    if (own !== undefined || (name !== 'ownership' && name !== 'inventory')) return own ?? base[name];
    const late = this.condition('late_ids', () => true);
    return late ? (late.ms ?? Number.POSITIVE_INFINITY) : base[name];
  }

  /** The act that has been due for the longest time, without those that found nothing at this time. */
  nextAct(): DueAct | undefined {
    const now = this.#now();
    let next: { armed: Armed; at: number } | undefined;
    for (const armed of this.#armed) {
      if (!armed.act || armed.byRequest || armed.waits || armed.seen >= limitOf(armed)) continue;
      const at = Math.max(armed.begins + armed.seen * (armed.fault.everyMs ?? 0), armed.retryAt);
      if (at <= now && at < armed.ends && at < (next?.at ?? Number.POSITIVE_INFINITY)) next = { armed, at };
    }
    return next && dueAct(next.armed, next.at);
  }

  /** Lets acts that found nothing look again, now. */
  retryActs(): void {
    for (const armed of this.#armed) {
      if (!armed.waits) continue;
      armed.waits = false;
      armed.retryAt = this.#now();
    }
  }

  /** The acts that may strike just before a request. */
  actsOn(target: Target): DueAct[] {
    const now = this.#now();
    return this.#armed
      .filter((armed) => armed.act && armed.byRequest && !isSpent(armed) && this.#applies(armed, target))
      .map((armed) => dueAct(armed, now));
  }

  #arm(fault: Fault): Armed {
    const path = fault.match?.path;
    const begins = this.#now() + (fault.afterMs ?? 0);
    return {
      fault,
      act: isAct(fault.kind),
      byRequest: fault.match !== undefined || fault.after !== undefined,
      pattern: path === undefined || path.startsWith('/') ? undefined : new RegExp(path),
      begins,
      ends: begins + (fault.forMs ?? Number.POSITIVE_INFINITY),
      random: this.#stream(),
      seen: 0,
      struck: 0,
      waits: false,
      retryAt: begins,
    };
  }

  #stream(): Random {
    this.#made += 1;
    return seededRandom(this.#seed ^ Math.imul(this.#made, 0x9e3779b1));
  }

  #applies({ fault: { match }, pattern, begins, ends }: Armed, target: Target | undefined): boolean {
    const now = this.#now();
    if (now < begins || now >= ends) return false;
    if (!match || !target) return true;
    if (match.method !== undefined && match.method.toUpperCase() !== target.method) return false;
    if (match.family !== undefined && match.family !== target.family) return false;
    if (pattern) return pattern.test(target.path);
    return match.path === undefined || target.path.startsWith(match.path);
  }
}

/** How often a fault strikes at most. */
function limitOf({ fault, act }: Armed): number {
  return fault.times ?? (act && fault.everyMs === undefined ? 1 : Number.POSITIVE_INFINITY);
}

function isSpent(armed: Armed): boolean {
  return armed.struck >= limitOf(armed);
}

/** Counts a chance to strike and says whether the fault takes it. All kinds use it. */
function decide(armed: Armed): boolean {
  armed.seen += 1;
  if (armed.seen <= (armed.fault.after ?? 0) || isSpent(armed)) return false;
  if (armed.fault.probability !== undefined && armed.random() >= armed.fault.probability) return false;
  armed.struck += 1;
  return true;
}

function dueAct(armed: Armed, at: number): DueAct {
  const waits = (): void => {
    armed.waits = true;
  };
  return { fault: armed.fault, at, random: armed.random, strikes: () => decide(armed), waits };
}
