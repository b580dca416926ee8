/**
 * Every code that people and programs read, with its meaning in one sentence. docs/reference.md prints these sentences.
 * cli/exit-table.ts holds the exit codes and http/status-table.ts the HTTP statuses. Every code belongs to one family. The
 * families are closed, so a code that is not listed here does not compile. Codes are stored as text. A row of an older version
 * may hold a code that is not listed any more. Such a code is shown as it stands, and code that decides by it takes the general
 * case. Nothing may throw on an unknown code.
 */
type Family = Readonly<Record<string, string>>;

/** Thrown as `rejected`: the same call gets the same answer. */
export const REFUSALS = {
  account_unreadable: 'The whole account could not be read, so the reconciliation says nothing about it.',
  bad_signature: 'Telnyx did not sign the webhook.',
  budget_exceeded: 'The budget of the asker for this month does not pay for the request.',
  database_not_migrated: 'The tables are missing or of an older version; run `provisioner migrate`.',
  embedded_postgres_failed: 'The embedded Postgres could not be installed.',
  expected_count_mismatch: 'The release names another count of numbers than the one stated.',
  idempotency_conflict: 'The idempotency key was used before, with another body.',
  invalid_config: 'The configuration is wrong; the message names every problem.',
  malformed_event: 'The webhook is signed, but it is not an event of Telnyx.',
  not_awaiting_approval: 'The request does not wait for an approval.',
  not_confirmed: 'Nobody confirmed the command, so nothing was changed; add `--yes`.',
  not_ended: 'The request or reconciliation is still in work.',
  not_found: 'What the call names does not exist, here or at Telnyx.',
  not_paused: 'The request is not paused, so it cannot be resumed.',
  not_pausable: 'The request has ended or waits for approval, so it cannot be paused.',
  not_in_inventory: 'The release names numbers that the inventory does not hold.',
  not_undoable: 'A buy or a release cannot be undone: numbers that were bought are paid for, and released ones are gone.',
  not_waiting_for_a_person: 'The chunk does not wait for the decision of a person.',
  nothing_failed: 'The request has no number that a retry could try again.',
  nothing_to_undo: 'The request changed no number that an undo could put back now.',
  plan_changed: 'Numbers of the plan became dearer, are gone or are kept back now, and changes are not allowed.',
  plan_expired: 'The plan was not applied within 24 hours.',
  plan_not_ready: 'The plan is not computed, failed, or has nothing that could be applied.',
  pooled_queue: '`DATABASE_URL` leads to a transaction pooler, and the queue on Postgres cannot work behind one.',
  price_unknown: 'The asker has a budget, and the request sets something whose price `PROVISIONER_PRICES` does not tell.',
  redis_evicts: 'Redis may throw jobs away, because its `maxmemory-policy` is not `noeviction`.',
  redis_missing: 'The demo found no Redis server to start.',
  second_worker: 'Another worker runs on this database, and without Redis only one may run.',
  self_approval: 'Whoever asked for a request may not approve it, unless `PROVISIONER_SELF_APPROVAL` is 1.',
  unauthorized: 'The API key is missing or wrong.',
  undo_moved: 'Numbers changed since the undo was planned, so it was not filed.',
  unsuited_session: 'The pooler in `DATABASE_URL` changes settings of the session that the product relies on.',
  usage: 'The command line has a wrong command, option or value.',
  validation_failed: 'The input is wrong; `details` lists every problem, and nothing was stored or sent.',
  wait_timed_out: 'The time of the wait is over; the request or plan goes on.',
} as const satisfies Family;

/** Thrown as `retry`: the call had no effect, and the same call may succeed later. */
export const PASSING = {
  database_unavailable: 'Postgres cannot be reached or refuses the login.',
  held_back: 'A cancellation, a pause or a closed account gate stopped the call just before it was sent.',
  job_not_visible: 'Telnyx does not show the batch job yet.',
  lease_lost: 'Another worker took over this piece of work.',
  limiter_unavailable: 'The rate limiter did not answer, so no call was made.',
  not_stored_in_time: 'The webhook was not stored in time; Telnyx delivers it again.',
  queue_unavailable: 'The queue did not answer in time.',
  redis_unavailable: 'The Redis server of the demo did not start.',
  stopping: 'The process is stopping.',
  streams_full: 'The server has no place left for another stream or download.',
  too_many_streams: 'The API key has as many streams or downloads open as one key may have.',
  too_many_wrong_keys: 'Too many wrong API keys came from this address.',
  webhooks_off: 'The server has no public key of Telnyx (`TELNYX_PUBLIC_KEY`), so it takes no webhooks.',
} as const satisfies Family;

/**
 * Thrown as `bug`: the program contradicts itself, and a person must find out why. The HTTP API answers all of them as
 * `internal`.
 */
export const BUGS = {
  illegal_move: 'A chunk was to make a move that its state does not allow.',
  insert_failed: 'Postgres took a row and did not return it.',
  internal: 'Something unforeseen happened; the log of the process has the details.',
  items_moved: 'A chunk names numbers that it does not hold.',
  unreadable_money: 'The database holds an amount of money that cannot be read; nothing is bought on it.',
  no_job_id: 'A chunk follows a batch job whose id it does not have.',
  no_order_id: 'A chunk follows an order whose id it does not have.',
  wrong_step: 'A chunk was given to code that is made for another kind of step.',
} as const satisfies Family;

/** Answers of the HTTP server to what it cannot read as a call of its API. */
export const UNREADABLE = {
  bad_request: 'The call is not a request that this server can read.',
  bad_url: 'The address cannot be decoded.',
  body_too_large: 'The body, or the extensions of its chunks, are too large.',
  expectation_failed: 'The `Expect` header asks for something that this server does not do.',
  headers_too_large: 'The headers are larger than 16 KiB.',
  invalid_json: 'The body is not JSON.',
  method_not_allowed: 'The address has no such method; the header `Allow` names those that it has.',
  request_timeout: 'The request did not arrive in time.',
  unsupported_media_type: 'The body has a content type that the route does not take.',
  url_too_long: 'The address is too long.',
} as const satisfies Family;

/** Failures of a call to Telnyx. What may be done about one depends on the call, so the code alone does not say it. */
export const TELNYX_FAILURES = {
  account_blocked: 'Telnyx has blocked the account or does not consider it active.',
  already_reserved: 'Somebody has reserved a number of the order.',
  bad_key: 'The Telnyx API key is missing or not accepted.',
  being_processed: 'Telnyx is working on the resource; the call is repeated later.',
  blocked_for_now: 'Telnyx blocks the call for the moment; it is repeated later.',
  conflict: 'Telnyx reports a conflict, which this very call may have caused.',
  duplicate: 'Telnyx says that it exists already, perhaps from this very call.',
  feature_not_permitted: 'The account or its key may not use this feature at all; the rest of the work goes on.',
  forbidden: 'The API key has no permission for what the message names, such as `/billing_group_id`.',
  insufficient_funds: 'The account does not have enough credit.',
  invalid_connection: 'Telnyx does not accept the connection of the order.',
  invalid_messaging_profile: 'Telnyx does not accept the messaging profile of the order.',
  invalid_request: 'Telnyx does not accept the request.',
  job_cap: 'The account has as many open batch jobs as Telnyx allows; the call is repeated later.',
  not_owned: 'Telnyx refused a batch job because the account does not own one of its numbers.',
  not_sent: 'Telnyx could not be reached, and nothing was sent.',
  numbers_gone: 'Numbers of the order are no longer available.',
  numbers_masked: 'The account does not show whole numbers, because its verification level does not permit it.',
  numbers_unrecognized: 'Telnyx does not recognize numbers of the order.',
  rate_limited: 'A rate limit is reached; the call is repeated later.',
  refused_by_telnyx: 'Telnyx refused the call for a reason that has no code of its own here.',
  reservation_limit: 'The account has as many reservations as Telnyx allows.',
  reservation_not_extendable: 'The reservation cannot be extended.',
  search_expired: 'No recent search has shown the numbers of the order.',
  server_error: 'Telnyx had an internal problem.',
  timeout: 'Telnyx gave up waiting.',
  too_many_numbers: 'The call carries more numbers than Telnyx takes at once.',
  unknown_outcome: 'No readable answer came, so nobody knows yet what became of the call.',
} as const satisfies Family;

/** Why a budget or a guard of the request kept a number as it is: nothing failed, something was not allowed. */
export const GUARD_ENDS = {
  bought_after_request: 'It was released elsewhere and bought again after this release was asked for.',
  budget_reached: 'The budget of the request, or of who asked for it, does not pay for this number.',
  deletion_locked: 'It is locked against deletion, and the release did not include locked numbers.',
  emergency_enabled: 'It has emergency services, or they are still being disabled, and the release did not include such numbers.',
  emergency_not_disabled: 'Its emergency services were disabled for the release, and Telnyx still shows them.',
  emergency_unknown: 'Telnyx did not show in known words whether it has emergency services.',
  lock_unknown: 'Telnyx did not show whether it is locked against deletion.',
  not_active: 'It is not active, and only active numbers are released.',
  not_in_inventory: 'The inventory did not call it ours when its release was about to be sent.',
  not_readable: 'Ownership shows it, the list does not: it is not released, and its tags are not written unread.',
  protected: 'It carries the tag that protects it.',
  still_locked: 'It was unlocked for the release, and Telnyx still shows the lock.',
  tags_unknown: 'Telnyx did not show its tags, and one of them may protect it.',
} as const satisfies Family;

/** Why a number ended as it did, where no budget and no guard stopped it and no call was refused. */
export const ENDS = {
  all_or_nothing: 'Not every number of the buy could be had, so none was ordered, as asked.',
  already_gone: 'Several checks of ownership, and the list, do not show it in the account any more; also by `skip_gone`.',
  already_ours: 'The account has the listed number already.',
  cancelled: 'The user cancelled the request before it was sent, or Telnyx cancelled its order.',
  claimed_elsewhere: 'Another open buy holds the listed number.',
  emergency_failed: 'Telnyx could not provision the emergency address.',
  emergency_not_shown: 'Telnyx shows another emergency address or state than was asked, a settling window after its job.',
  emergency_pending: 'It succeeded: Telnyx took the emergency setting and has not put it into force yet (`emergency_status`).',
  given_up: 'A person who resolved its chunk gave it up.',
  inventory_exhausted: 'Telnyx offers no more fitting numbers within the price cap.',
  messaging_refused: 'Telnyx did not assign the messaging profile and gave no reason.',
  not_applied: 'Job after job left it unchanged, and Telnyx gave no reason.',
  not_editable:
    'Telnyx lists it but lets nobody change or release it now, during a port-out for example; the inventory keeps it.',
  not_editable_yet:
    'It was bought a moment ago and never shown as editable; a release of one that was shown before ends as `already_gone`.',
  not_owned: 'Several checks of ownership, and the list, say that the account does not own it.',
  number_unavailable: 'Telnyx does not offer it, or not at the price: it was sold to somebody else or withdrawn.',
  requirements_not_met: 'Its order ended while its paperwork was not complete.',
  still_owned: 'The release job is over, and the number is still ours.',
  unknown: 'The batch job failed for it, and Telnyx gave no code.',
} as const satisfies Family;

/** What an open request waits for, or what a person should know of it. */
export const WAITS = {
  canary_failed: 'The first numbers did not all come out right, so the request paused before the others.',
  awaiting_approval: 'The buy costs more than `PROVISIONER_APPROVAL_ABOVE`, and a person must approve it.',
  cancel_incomplete: 'Telnyx has not cancelled all parts of an order; the message says how many, and why not the others.',
  gate_closed: 'The account gate is closed for a reason that nobody has noted.',
  paused: 'A person has paused the request.',
  requirements_not_met: 'Telnyx waits for paperwork; the message says which, and until when.',
  too_many_failures: 'More of its numbers have failed than `stop_above` allows, so the request paused.',
} as const satisfies Family;

export type RefusalCode = keyof typeof REFUSALS;
export type PassingCode = keyof typeof PASSING;
export type BugCode = keyof typeof BUGS;
export type UnreadableCode = keyof typeof UNREADABLE;
export type TelnyxFailureCode = keyof typeof TELNYX_FAILURES;
export type GuardCode = keyof typeof GUARD_ENDS;
export type WaitCode = keyof typeof WAITS;

/** The code of a ProvisioningError and of every error that a command or the HTTP API answers. */
export type ErrorCode = RefusalCode | PassingCode | BugCode | UnreadableCode | TelnyxFailureCode;

declare const vendor: unique symbol;
/** The code that Telnyx gave for one number in the result of a batch job, such as `10015`: passed through unread. */
export type VendorCode = string & { readonly [vendor]: true };

/** Marks a code as one of Telnyx. The cast is sound, because Telnyx may use any text as a code. */
export const vendorCode = (code: string): VendorCode => code as VendorCode;

/** Why a number ended: a code of ours, that of a refused call, or what Telnyx said of the number. */
export type ReasonCode = GuardCode | keyof typeof ENDS | ErrorCode | VendorCode;

/** What a request or chunk in work shows: the failure of its last call, or what it waits for. */
export type TroubleCode = WaitCode | ErrorCode;
