import type {
  AcceptAnswer,
  AccountView,
  BuyRequest,
  ChunkView,
  DeleteRequest,
  DriftChoice,
  ItemView,
  NumberFilter,
  NumberView,
  NumberWithHistory,
  PlanView,
  RepairAnswer,
  RequestView,
  RunReport,
  UndoAnswer,
  UndoChoice,
  UpdateRequest,
} from './types.ts';

/** How the library reaches the database and the queue, and who acts through it. */
export interface ProvisionerOptions {
  /** `postgres://…`; without it `DATABASE_URL` counts. */
  databaseUrl?: string | undefined;
  /** `redis://…`; without it `REDIS_URL` counts, and without that the queue is in Postgres. As for the worker. */
  redisUrl?: string | undefined;
  /** The name under which requests, approvals, cancellations and decisions are recorded. `library` without it. */
  actor?: string | undefined;
}

/** The body of a buy as in the HTTP API, without `kind`. */
export type BuyBody = Omit<BuyRequest, 'kind'>;
/** The body of an update as in the HTTP API, without `kind`. */
export type UpdateBody = Omit<UpdateRequest, 'kind'>;
/** The body of a release as in the HTTP API, without `kind`. */
export type DeleteBody = Omit<DeleteRequest, 'kind'>;

export interface CallOptions {
  /** The same key with the same body gives the same request. */
  idempotencyKey?: string | undefined;
  /** Who asks, as requests, history and budgets show it; the `actor` of the library without it. */
  actor?: string | undefined;
}

export interface PlanOptions {
  /** Who asks, in place of the `actor` of the library. */
  actor?: string | undefined;
  /** The longest wait for a worker, in milliseconds; ten minutes without it. */
  timeoutMs?: number | undefined;
}

export interface ApplyOptions extends PlanOptions {
  /** Goes ahead without the numbers that are gone, and at the prices of now. */
  allowChanges?: boolean | undefined;
}

/** What a person decides about a chunk that needs attention. */
export type Decision =
  /** The worker follows the order or batch job with this id. */
  | { decision: 'adopt'; order_id: string }
  /** Telnyx has not accepted the call: the same numbers are sent again. Only for a call that certainly never arrived. */
  | { decision: 'not_sent' }
  /** The open numbers end as failed, whatever Telnyx did with them. */
  | { decision: 'give_up' };

/**
 * Everything that the library does. Each method may also throw `database_unavailable`, which passes. Errors are
 * `ProvisioningError`s with a `code`; nothing was changed when one is thrown, unless its description says otherwise.
 */
export interface Provisioner {
  /** Errors: `validation_failed` with every problem, `idempotency_conflict`. */
  buy(body: BuyBody, options?: CallOptions): Promise<RequestView>;
  /** Errors: `validation_failed` with every problem, `idempotency_conflict`. */
  update(body: UpdateBody, options?: CallOptions): Promise<RequestView>;
  /** Errors: `validation_failed`, `idempotency_conflict`, `expected_count_mismatch`, `not_in_inventory`. */
  delete(body: DeleteBody, options?: CallOptions): Promise<RequestView>;

  /**
   * What a request would do: a worker computes it, and nothing is bought, changed or released. `reserve` of a buy holds its numbers for
   * 30 minutes. Errors: `validation_failed` with every problem, `wait_timed_out` (the plan goes on), those of Telnyx.
   */
  plan(body: BuyRequest | UpdateRequest | DeleteRequest, options?: PlanOptions): Promise<PlanView>;
  /**
   * Files the request of a plan: exactly its numbers and prices. Applied again, or in parallel, it gives the same request. Errors:
   * `not_found`, `plan_not_ready`, `plan_expired`, `plan_changed`, those of guards and budgets, `wait_timed_out` (apply again).
   */
  apply(planId: string, options?: ApplyOptions): Promise<RequestView>;

  /** `null` when there is no such request. */
  request(id: string): Promise<RequestView | null>;
  /** Resolves when the request has ended. Errors: `not_found`, `wait_timed_out` (the request goes on). */
  waitFor(id: string, options?: { timeoutMs?: number | undefined }): Promise<RequestView>;
  /**
   * The numbers of a request in the order in which they were asked for, with their ends and prices. They are read page by page,
   * so a loop over 100,000 of them holds a few thousand. Errors, at the first number: `not_found`.
   */
  items(id: string, filter?: { status?: ItemView['status'] | undefined }): AsyncIterable<ItemView>;
  /** The calls to Telnyx that carry a request. Errors: `not_found`. */
  chunks(id: string): Promise<ChunkView[]>;

  /** Cancels what was not sent; a request that has ended does not change. Errors: `not_found`. */
  cancel(id: string): Promise<RequestView>;
  /** Holds a request between two chunks: no new call leaves any more. Errors: `not_found`, `not_pausable`. */
  pause(id: string): Promise<RequestView>;
  /** Lets a paused request go on where it stood, and accepts what paused it. Errors: `not_found`, `not_paused`. */
  resume(id: string): Promise<RequestView>;
  /** Approves a buy that waits for it. Errors: `not_found`, `not_awaiting_approval`. */
  approve(id: string): Promise<RequestView>;
  /** Files a new request for the failed numbers, once. Errors: `not_found`, `not_ended`, `nothing_failed`. */
  retry(id: string): Promise<RequestView>;
  /**
   * Files an update that puts back what an ended update changed; with `plan_only` it only tells what that would be. While an undo
   * of the request is open, a repeat gives that undo. Errors: `not_found`, `not_ended`, `not_undoable`, `nothing_to_undo`, `undo_moved`.
   */
  undo(id: string, choice?: UndoChoice): Promise<UndoAnswer>;
  /** Decides about a chunk that needs attention. Errors: `not_found`, `not_waiting_for_a_person`, `validation_failed`. */
  resolve(id: string, chunkId: string, decision: Decision): Promise<RequestView>;

  /** Starts a reconciliation run, or returns the one that waits for a worker; `run` tells what has become of it. */
  reconcile(options?: { repair?: boolean | undefined }): Promise<RunReport>;
  /** `null` when there is no such reconciliation run. */
  run(id: string): Promise<RunReport | null>;
  /** The reconciliation runs, newest first. */
  runs(): AsyncIterable<RunReport>;
  /** Files updates that put our values back. Errors: `not_found`, `not_ended`, `validation_failed`. */
  repair(runId: string, choice?: DriftChoice): Promise<RepairAnswer>;
  /** Takes over the values of the account. Errors: `not_found`, `not_ended`, `validation_failed`. */
  accept(runId: string, choice?: DriftChoice): Promise<AcceptAnswer>;

  /** The numbers of the inventory by number, read page by page. Errors, at the first number: `validation_failed`. */
  numbers(where?: NumberFilter): AsyncIterable<NumberView>;
  /** One number with its history; `null` when it was never ours. Errors: `validation_failed` when it is no E.164 number. */
  number(phoneNumber: string): Promise<NumberWithHistory | null>;

  /** Gate, balance, job slots, learned rates. */
  account(): Promise<AccountView>;
  /** Opens the gate that stops all spending. It does nothing when the gate is open. */
  reopen(): Promise<AccountView>;

  /** Closes all connections. The work of stored requests goes on. */
  close(): Promise<void>;
}
