import type { VendorCode } from '../domain/codes.ts';
import type { E164 } from '../domain/phone-number.ts';
import type { NumberSettings, OrderSettings } from '../domain/step.ts';

/** What to search for. `limit` is always sent: the default of the API is not documented. */
export interface SearchCriteria {
  countryCode: string;
  phoneNumberType: string;
  nationalDestinationCode?: string;
  administrativeArea?: string;
  locality?: string;
  /** US and Canada only. */
  rateCenter?: string;
  features?: string[];
  /** Digit patterns without country code; without the area code too when `nationalDestinationCode` is set. */
  startsWith?: string;
  endsWith?: string;
  contains?: string;
  bestEffort: boolean;
  /** Only numbers that can be reserved. */
  reservable?: boolean;
  /** Only numbers that work at once. It concerns toll-free numbers of +1; the others may take two business days. */
  quickship?: boolean;
  /** Without numbers that are on hold or reserved for this account. */
  excludeHeld?: boolean;
  limit: number;
}

/** Where to count what is on sale. It is a part of a search: Telnyx counts by country, type, state, area code and features only. */
export type CoverageCriteria = Pick<
  SearchCriteria,
  'countryCode' | 'phoneNumberType' | 'nationalDestinationCode' | 'administrativeArea' | 'features'
>;

/** How many numbers an area code has on sale. */
export interface AreaCount {
  areaCode: string;
  count: number;
}

/** A number that can be bought now, checked against the criteria. Costs are decimal strings. */
export interface Offer {
  phoneNumber: E164;
  upfrontCost: string;
  monthlyCost: string;
  currency: string;
  bestEffort: boolean;
}

/** `offers` passed the checks; `seen` counts all rows of the answer, to tell "no more" from "more, but not fitting". */
export interface SearchResult {
  offers: Offer[];
  seen: number;
  /**
   * There are probably more numbers than this answer shows. `false` proves nothing unless `seen` is 0, because Telnyx may cap at
   * any row.
   */
  more: boolean;
}

export interface OrderLine {
  phoneNumber: E164;
  status: string;
  requirementsMet: boolean | null;
}

/** A number order. Enums stay open strings: the guide knows more values than the SDK. */
export interface Order {
  id: string;
  status: string;
  customerReference: string | null;
  requirementsMet: boolean | null;
  createdAt: string | null;
  /** The last change; of a finished order, its end. */
  updatedAt: string | null;
  /** The order line of a number whose requirements are not met: where the paperwork can be read. */
  unmetLineId: string | null;
  subOrderIds: string[];
  /** Empty when read from the list, which has no status per number. */
  lines: OrderLine[];
}

/** An order as the list shows it: with its numbers, and without a status for each of them. */
export interface ListedOrder extends Omit<Order, 'lines' | 'unmetLineId'> {
  phoneNumbers: E164[];
}

/** Which orders to read from the list. */
export interface OrdersQuery {
  /** The list need not show orders that are older. */
  since: Date;
  ids: string[];
  /** The list is read no further than so many pages. */
  mostPages: number;
}

/** The result of cancelling an order. A sub order counts as done when Telnyx cancelled it or it was no longer pending. */
export interface Cancellation {
  done: number;
  /** How many sub orders the order has, as far as Telnyx says. */
  total: number;
  /** Why some are not done, in words; `null` when all are. */
  why: string | null;
}

/** What an order waits for. Telnyx cancels it when the deadline passes. */
export interface Paperwork {
  deadline: string | null;
  /** Kinds of requirement that are not approved, such as `address` or `document`, with their status. */
  missing: string[];
}

export type JobType = 'update_phone_numbers' | 'delete_phone_numbers' | 'update_emergency_settings';

export interface JobFailure {
  phoneNumber: E164;
  code: VendorCode | 'unknown';
  message: string;
}

/** A batch job. `terminal` is true for completed, failed and expired; completed does not promise that all succeeded. */
export interface Job {
  id: string;
  type: string;
  status: string;
  terminal: boolean;
  createdAt: string | null;
  /** The last change; of a finished job, its end. */
  updatedAt: string | null;
  /** Estimated completion, a hint only. */
  etc: string | null;
  phoneNumbers: E164[];
  succeeded: E164[];
  failed: JobFailure[];
}

/** A messaging bulk update. Done when `pending` is empty; it has neither status nor reasons. */
export interface MessagingUpdate {
  id: string;
  pending: E164[];
  succeeded: E164[];
  failed: E164[];
}

/** A number as the account shows it. `undefined` means "not shown" (for example `UNAVAILABLE`), `null` means none. */
export interface AccountNumber {
  telnyxId: string;
  phoneNumber: E164;
  /** With hyphens, also when an old answer has underscores. */
  status: string;
  phoneNumberType: string | null;
  countryCode: string | null;
  connectionId: string | null;
  messagingProfileId: string | null | undefined;
  billingGroupId: string | null;
  customerReference: string | null;
  tags: string[] | undefined;
  deletionLockEnabled: boolean | undefined;
  emergencyEnabled: boolean | undefined;
  emergencyStatus: string | undefined;
  emergencyAddressId: string | null;
  externalPin: string | null;
  hdVoiceEnabled: boolean | undefined;
  purchasedAt: string | null;
}

export interface NumbersPage {
  numbers: AccountNumber[];
  /** Ids of entries that are not E.164 numbers (short codes). `totalResults` counts them too. */
  leftOut: string[];
  pageNumber: number;
  totalPages: number;
  /** `null` when the answer does not say. */
  totalResults: number | null;
}

export interface NumbersQuery {
  pageNumber: number;
  /** At most 250, the cap of Telnyx. */
  pageSize: number;
  /** Substring of digits; the caller compares exactly. */
  digits?: string;
  tag?: string;
  countryCode?: string;
}

export interface Reservation {
  id: string;
  held: E164[];
  refused: E164[];
}

export interface Balance {
  balance: string;
  availableCredit: string;
  currency: string;
}

/** What the limiter of one endpoint family does at present. */
export interface FamilyLimit {
  family: string;
  /** Requests a second that we allow ourselves at present. */
  perSecond: number;
  /** Last `x-ratelimit-limit` seen, verbatim. */
  announced: string | null;
  pausedUntil: string | null;
}

/**
 * Called when the limiter gives a call its turn, right before it leaves, because it may have waited for seconds. Throws a
 * ProvisioningError with disposition `retry` when the call must no longer leave.
 */
export type LastCheck = () => Promise<void>;

/**
 * Everything that the product asks of Telnyx, in the product's words. Every method may throw a ProvisioningError, whose
 * disposition says what is known about the outcome. The gateway never repeats a call. Each call has one deadline that also covers
 * the body.
 */
export interface TelnyxGateway {
  search(criteria: SearchCriteria): Promise<SearchResult>;
  /**
   * Counts what is on sale by area code, without prices and without numbers. `null` where Telnyx does not count: not in this country,
   * or not by these features.
   */
  coverage(criteria: CoverageCriteria): Promise<AreaCount[] | null>;
  reserve(numbers: E164[], reference: string): Promise<Reservation>;
  createOrder(numbers: E164[], reference: string, settings: OrderSettings, lastCheck?: LastCheck): Promise<Order>;
  /** Orders whose `customer_reference` is exactly `reference`; the filter of Telnyx may match more. */
  findOrders(reference: string): Promise<Order[]>;
  getOrder(id: string): Promise<Order>;
  /** The rows of these orders in the list, by id. An order that the list does not show is left out, which proves nothing. */
  listOrders(query: OrdersQuery): Promise<Map<string, ListedOrder>>;
  /** What an order line with unmet requirements waits for. */
  paperwork(lineId: string): Promise<Paperwork>;
  /** Cancels every pending sub order that Telnyx shows; the caller reads the order again to learn what came of it. */
  cancelOrder(order: Order): Promise<Cancellation>;
  /** Which of at most 1,000 numbers are ours and editable: E.164 to number id. */
  verifyOwnership(numbers: E164[]): Promise<Map<E164, string>>;
  updateNumbers(numbers: E164[], settings: NumberSettings, lastCheck?: LastCheck): Promise<Job>;
  deleteNumbers(numbers: E164[], lastCheck?: LastCheck): Promise<Job>;
  updateEmergency(numbers: E164[], enabled: boolean, addressId: string | null, lastCheck?: LastCheck): Promise<Job>;
  getJob(id: string): Promise<Job>;
  /** Jobs of one type created at or after `since`, newest first. */
  listJobs(type: JobType, since: Date): Promise<Job[]>;
  /** The ids of the jobs of all types that are pending or in progress, those of other programs included. */
  listOpenJobs(): Promise<Set<string>>;
  /** `profileId` '' unassigns. */
  updateMessaging(numbers: E164[], profileId: string, lastCheck?: LastCheck): Promise<MessagingUpdate>;
  getMessagingUpdate(id: string): Promise<MessagingUpdate>;
  listNumbers(query: NumbersQuery): Promise<NumbersPage>;
  balance(): Promise<Balance>;
  limits(): FamilyLimit[];
  /** From now on no call leaves: each is refused with `stopping` (`retry`). Resolves when the calls under way have ended. */
  close(): Promise<void>;
}
