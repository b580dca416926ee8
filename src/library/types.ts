// Generated from the shapes of bodies and answers by `npm run docs:generate`. It imports nothing, so that the published types name no
// type of another package.

/** One criterion of a buy, such as 200 numbers of area code 312. */
export interface BuyLine {
  /** Default: "US". */
  country_code?: string | undefined;
  /** Default: "local". */
  phone_number_type?: 'local' | 'toll_free' | 'mobile' | 'national' | 'shared_cost' | undefined;
  /** The area code. */
  national_destination_code?: string | undefined;
  /** State or province, such as TX. */
  administrative_area?: string | undefined;
  /** City. */
  locality?: string | undefined;
  /** Of the US and Canada. */
  rate_center?: string | undefined;
  /** Default: []. */
  features?: ('sms' | 'mms' | 'voice' | 'fax' | 'emergency' | 'hd_voice' | 'international_sms' | 'local_calling')[] | undefined;
  quantity: number;
  /** No number dearer than this, upfront or monthly; a decimal amount. */
  max_number_cost?: string | undefined;
  requirement_group_id?: string | undefined;
  /** Only toll-free numbers that work at once; on by default for those of the US. */
  quickship?: boolean | undefined;
  /** No numbers that are on hold or reserved for this account. */
  exclude_held_numbers?: boolean | undefined;
  /** Where to search when the area has too few: listed area codes, then whatever is near. */
  fallback?: {
    /** Default: []. */
    national_destination_codes?: string[] | undefined;
    /** Default: false. */
    best_effort?: boolean | undefined;
  } | undefined;
}

/** Buys numbers: by lines, by a list, or both. */
export interface BuyRequest {
  kind: 'buy';
  label?: string | undefined;
  /** Default: []. */
  lines?: BuyLine[] | undefined;
  /** Exactly these numbers, in E.164. Default: []. */
  phone_numbers?: string[] | undefined;
  /** What every bought number gets. Default: {}. */
  assign?: {
    connection_id?: string | undefined;
    messaging_profile_id?: string | undefined;
    billing_group_id?: string | undefined;
    tags?: string[] | undefined;
  } | undefined;
  /** The budget of the request; a decimal amount. */
  max_upfront_cost?: string | undefined;
  /** The budget of the request; a decimal amount. */
  max_monthly_cost?: string | undefined;
  /** No number dearer than this, upfront or monthly; a decimal amount. */
  max_number_cost?: string | undefined;
  requirement_group_id?: string | undefined;
  /** Reserves the numbers before it orders them. Default: false. */
  reserve?: boolean | undefined;
  /** Nothing is sent before this moment. */
  start_at?: string | undefined;
  /** So many numbers are done and read back first; the request goes on only when all of them are right. */
  canary?: number | undefined;
  /** Pauses the request when more than this percentage of the ended numbers has failed. */
  stop_above?: number | undefined;
  /** Orders nothing before every number is claimed within the budget. */
  all_or_nothing?: boolean | undefined;
}

/** Which owned numbers of the inventory; all conditions must hold, and one is needed. */
export interface Where {
  tag?: string | undefined;
  connection_id?: string | undefined;
  billing_group_id?: string | undefined;
  messaging_profile_id?: string | undefined;
  customer_reference?: string | undefined;
  country_code?: string | undefined;
  phone_number_type?: 'local' | 'toll_free' | 'mobile' | 'national' | 'shared_cost' | 'landline' | 'shortcode' | undefined;
  /** As Telnyx names it, e.g. active. */
  status?: 'active' | 'purchase-pending' | 'purchase-failed' | 'port-pending' | 'port-failed' | 'port-out-pending' | 'ported-out' | 'emergency-only' | 'provision-pending' | 'requirement-info-pending' | 'requirement-info-under-review' | 'requirement-info-exception' | 'deleted' | undefined;
  national_destination_code?: string | undefined;
  /** The request that bought it. */
  bought_by?: string | undefined;
}

/** Voice settings of a number. */
export interface VoiceSettings {
  call_forwarding?: {
    call_forwarding_enabled?: boolean | undefined;
    forwarding_type?: 'always' | 'on-failure' | undefined;
    forwards_to?: string | undefined;
  } | undefined;
  call_recording?: {
    inbound_call_recording_enabled?: boolean | undefined;
    inbound_call_recording_format?: 'wav' | 'mp3' | undefined;
    inbound_call_recording_channels?: 'single' | 'dual' | undefined;
  } | undefined;
  caller_id_name_enabled?: boolean | undefined;
  cnam_listing?: {
    cnam_listing_enabled?: boolean | undefined;
    cnam_listing_details?: string | undefined;
  } | undefined;
  inbound_call_screening?: 'disabled' | 'reject_calls' | 'flag_calls' | undefined;
  media_features?: {
    accept_any_rtp_packets_enabled?: boolean | undefined;
    rtp_auto_adjust_enabled?: boolean | undefined;
    t38_fax_gateway_enabled?: boolean | undefined;
  } | undefined;
  tech_prefix_enabled?: boolean | undefined;
  translated_number?: string | undefined;
  usage_payment_method?: 'pay-per-minute' | 'channel' | undefined;
}

/** What changes; a field that is left out stays as it is. */
export interface UpdateSet {
  connection_id?: string | undefined;
  billing_group_id?: string | undefined;
  customer_reference?: string | undefined;
  tags?: string[] | undefined;
  add_tags?: string[] | undefined;
  remove_tags?: string[] | undefined;
  deletion_lock_enabled?: boolean | undefined;
  hd_voice_enabled?: boolean | undefined;
  external_pin?: string | undefined;
  /** Empty: takes the profile away. */
  messaging_profile_id?: string | undefined;
  emergency_address_id?: string | null | undefined;
  voice?: VoiceSettings | undefined;
}

/** Changes numbers: those of a list or of a filter. */
export interface UpdateRequest {
  kind: 'update';
  label?: string | undefined;
  phone_numbers?: string[] | undefined;
  where?: Where | undefined;
  /** In place of phone_numbers: values number by number; numbers with equal values share a batch job. */
  rows?: {
    phone_number: string;
    set: UpdateSet;
  }[] | undefined;
  /** Default: {}. */
  set?: UpdateSet | undefined;
  /** Nothing is sent before this moment. */
  start_at?: string | undefined;
  /** So many numbers are done and read back first; the request goes on only when all of them are right. */
  canary?: number | undefined;
  /** Pauses the request when more than this percentage of the ended numbers has failed. */
  stop_above?: number | undefined;
}

/** Releases numbers: those of a list or of a filter. */
export interface DeleteRequest {
  kind: 'delete';
  label?: string | undefined;
  phone_numbers?: string[] | undefined;
  where?: Where | undefined;
  /** How many numbers are named; another count releases nothing. */
  expected_count: number;
  /** Also numbers that are locked against deletion. Default: false. */
  include_locked?: boolean | undefined;
  /** Also numbers with emergency services. Default: false. */
  include_emergency?: boolean | undefined;
  /** Skips numbers that have left the account; otherwise they stop the release. */
  skip_gone?: boolean | undefined;
}

/** Which numbers of the inventory; all conditions must hold. */
export interface NumberFilter {
  tag?: string | undefined;
  connection_id?: string | undefined;
  billing_group_id?: string | undefined;
  messaging_profile_id?: string | undefined;
  customer_reference?: string | undefined;
  country_code?: string | undefined;
  phone_number_type?: 'local' | 'toll_free' | 'mobile' | 'national' | 'shared_cost' | 'landline' | 'shortcode' | undefined;
  /** As Telnyx names it, e.g. active. */
  status?: 'active' | 'purchase-pending' | 'purchase-failed' | 'port-pending' | 'port-failed' | 'port-out-pending' | 'ported-out' | 'emergency-only' | 'provision-pending' | 'requirement-info-pending' | 'requirement-info-under-review' | 'requirement-info-exception' | 'deleted' | undefined;
  /** Without it: owned. */
  state?: 'owned' | 'released' | 'missing' | undefined;
  national_destination_code?: string | undefined;
  /** The request that bought it. */
  bought_by?: string | undefined;
}

/** Which open differences are meant; without a field, all of them. */
export interface DriftChoice {
  /** Only differences of these fields, or these kinds. */
  only?: ('connection_id' | 'messaging_profile_id' | 'billing_group_id' | 'customer_reference' | 'tags' | 'deletion_lock_enabled' | 'emergency_enabled' | 'emergency_address_id' | 'external_pin' | 'hd_voice_enabled' | 'status' | 'telnyx_id' | 'missing' | 'surplus')[] | undefined;
  /** Only differences of these numbers. */
  phone_numbers?: string[] | undefined;
}

/** Whether to plan or to file; without a field, the undo is filed. */
export interface UndoChoice {
  /** Shows what an undo would put back, and files nothing. Default: false. */
  plan_only?: boolean | undefined;
  /** The mark of a plan: another plan is refused. */
  mark?: string | undefined;
}

/** A request as it stands. */
export interface RequestView {
  id: string;
  kind: 'buy' | 'update' | 'delete';
  status: 'scheduled' | 'awaiting_approval' | 'queued' | 'running' | 'paused' | 'waiting' | 'succeeded' | 'partially_succeeded' | 'failed' | 'cancelled' | 'needs_attention';
  label: string | null;
  /** ISO 8601, UTC. */
  created_at: string;
  finished_at: string | null;
  counts: {
    asked: number;
    pending: number;
    in_flight: number;
    succeeded: number;
    failed: number;
    cancelled: number;
    skipped: number;
  };
  chunks: {
    total: number;
    settled: number;
  };
  cost: {
    /** A decimal amount, such as "2.00". */
    upfront: string;
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
  };
  error: {
    code: string;
    message: string;
  } | null;
  /** What was asked; phone_numbers is a count. */
  body: Record<string, unknown>;
  /** Who asked: an API key by name, an OS user (cli:…), a caller of the library. */
  submitted_by: string | null;
  idempotency_key: string | null;
  /** The plan that it was, the request that it retries or undoes, or the reconciliation that it repairs. */
  filed_by: string | null;
  cancel_requested_at: string | null;
  /** Nothing is sent before; the numbers, guards and prices are checked then. */
  start_at: string | null;
  /** Since when no new call leaves; `error` tells why. */
  paused_at: string | null;
}

/** A number that is owed to a request. */
export interface ItemView {
  /** E.164; null while a buy has not found a number. */
  phone_number: string | null;
  status: 'pending' | 'in_flight' | 'succeeded' | 'failed' | 'cancelled' | 'skipped';
  reason_code: string | null;
  reason: string | null;
  /** The position of its buy line, from 0. */
  line: number | null;
  chunk_id: string | null;
  telnyx_id: string | null;
  /** When its order delivered it: from then on it is paid for. */
  bought_at: string | null;
  upfront_cost: string | null;
  monthly_cost: string | null;
  currency: string | null;
  /** ISO 8601, UTC. */
  updated_at: string;
}

/** A call to Telnyx that carries numbers of a request. */
export interface ChunkView {
  id: string;
  kind: string;
  state: string;
  /** How many numbers the chunk carries. */
  numbers: number;
  telnyx_id: string | null;
  customer_reference: string;
  attempt: number;
  /** Telnyx waits for paperwork. */
  waiting: boolean;
  deadline: string | null;
  /** What was seen when the outcome of the call was unknown. */
  evidence: unknown;
  error: {
    code: string;
    message: string;
  } | null;
}

/** A number of the inventory. */
export interface NumberView {
  /** E.164, such as +13125550100. */
  phone_number: string;
  telnyx_id: string | null;
  state: 'owned' | 'released' | 'missing';
  status: string | null;
  phone_number_type: string | null;
  country_code: string | null;
  connection_id: string | null;
  messaging_profile_id: string | null;
  billing_group_id: string | null;
  customer_reference: string | null;
  tags: string[];
  deletion_lock_enabled: boolean | null;
  emergency_enabled: boolean | null;
  emergency_status: string | null;
  emergency_address_id: string | null;
  upfront_cost: string | null;
  monthly_cost: string | null;
  currency: string | null;
  bought_by: string | null;
  surplus: boolean;
  purchased_at: string | null;
  /** ISO 8601, UTC. */
  updated_at: string;
}

/** A number with everything that happened to it. */
export interface NumberWithHistory {
  /** E.164, such as +13125550100. */
  phone_number: string;
  telnyx_id?: string | null | undefined;
  state: 'owned' | 'released' | 'missing' | null;
  status?: string | null | undefined;
  phone_number_type?: string | null | undefined;
  country_code?: string | null | undefined;
  connection_id?: string | null | undefined;
  messaging_profile_id?: string | null | undefined;
  billing_group_id?: string | null | undefined;
  customer_reference?: string | null | undefined;
  tags?: string[] | undefined;
  deletion_lock_enabled?: boolean | null | undefined;
  emergency_enabled?: boolean | null | undefined;
  emergency_status?: string | null | undefined;
  emergency_address_id?: string | null | undefined;
  upfront_cost?: string | null | undefined;
  monthly_cost?: string | null | undefined;
  currency?: string | null | undefined;
  bought_by?: string | null | undefined;
  surplus?: boolean | undefined;
  purchased_at?: string | null | undefined;
  /** ISO 8601, UTC. */
  updated_at?: string | undefined;
  history: {
    /** ISO 8601, UTC. */
    at: string;
    from: string | null;
    to: string | null;
    cause: string;
    request_id: string | null;
    chunk_id: string | null;
    run_id: string | null;
    /** Who decided it, or who asked for the request that caused it; null for a change elsewhere. */
    by: string | null;
    changes: {
      field: string;
      before: unknown;
      after: unknown;
    }[];
    detail: unknown;
  }[];
}

/** A comparison of the whole account with the inventory. */
export interface RunReport {
  id: string;
  status: 'queued' | 'running' | 'completed' | 'incomplete' | 'failed';
  trigger: 'nightly' | 'manual';
  repair: boolean;
  /** Who asked for it; null for the nightly run. */
  started_by: string | null;
  /** Each owned number once: too_fresh ones were bought too recently to judge, undecided ones were not judged. */
  counts: Partial<Record<'seen' | 'matched' | 'adopted' | 'missing' | 'changed' | 'healed' | 'surplus' | 'too_fresh' | 'undecided', number>> | null;
  /** The drift of the run that is still open, found for the first time or again. */
  open: {
    /** Fields. */
    changed: number;
    missing: number;
    surplus: number;
  };
  /** Why the run failed or is incomplete, and which repairs could not be filed. */
  error: string | null;
  /** The update requests that repair changed fields, also those filed later. */
  repair_requests: string[];
  /** ISO 8601, UTC. */
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

/** What a repair filed, and what it left. */
export interface RepairAnswer {
  run_id: string;
  /** The update requests that restore our values, one for each set of values. */
  requests: {
    id: string;
    numbers: number;
    set: Record<string, unknown>;
  }[];
  /** Differences of numbers that an open request works on: that request settles them. */
  under_way: number;
  cannot_be_put_back: {
    field: string;
    count: number;
    reason: string;
    /** Some of them. */
    numbers: string[];
  }[];
  /** Named numbers without an open difference in the run. */
  not_found: number;
  /** Which repairs could not be filed, and why. */
  failures: string[];
  /** The drift of the run that is still open, found for the first time or again. */
  open: {
    /** Fields. */
    changed: number;
    missing: number;
    surplus: number;
  };
}

/** What was accepted, and what was left. */
export interface AcceptAnswer {
  run_id: string;
  accepted: {
    /** Fields. */
    changed: number;
    missing: number;
    surplus: number;
  };
  /** Differences of numbers that an open request works on: left open. */
  under_way: number;
  /** Named numbers without an open difference in the run. */
  not_found: number;
  /** The drift of the run that is still open, found for the first time or again. */
  open: {
    /** Fields. */
    changed: number;
    missing: number;
    surplus: number;
  };
}

/** What an undo puts back, and what it leaves. */
export interface UndoAnswer {
  undoes: string;
  /** How many numbers get a value back. */
  numbers: number;
  /** How many numbers go from which value to which; of tags one tag each: `from` is removed, `to` is put back. */
  changes: {
    field: 'connection_id' | 'messaging_profile_id' | 'billing_group_id' | 'customer_reference' | 'external_pin' | 'deletion_lock_enabled' | 'hd_voice_enabled' | 'emergency_address_id' | 'emergency_enabled' | 'tags';
    from: unknown;
    to: unknown;
    count: number;
    /** Some of them. */
    numbers: string[];
  }[];
  /** How many further pairs of values `changes` leaves out. */
  more_changes: number;
  /** Fields that somebody else changed since; they are left as they are. */
  changed_since: {
    count: number;
    first: {
      phone_number: string;
      field: 'connection_id' | 'messaging_profile_id' | 'billing_group_id' | 'customer_reference' | 'external_pin' | 'deletion_lock_enabled' | 'hd_voice_enabled' | 'emergency_address_id' | 'emergency_enabled' | 'tags';
      request_set: unknown;
      now: unknown;
      at: string | null;
      by: string | null;
      request_id: string | null;
      run_id: string | null;
    }[];
  };
  cannot_be_put_back: {
    field: string;
    reason: string;
    count: number;
    /** Some of them. */
    numbers: string[];
  }[];
  /** Numbers that an open request works on; they are left to it. */
  under_way: {
    count: number;
    /** Some of them. */
    numbers: string[];
  };
  /** Numbers that are not in the account any more. */
  not_owned: {
    count: number;
    /** Some of them. */
    numbers: string[];
  };
  /** Fields that have their value of before. */
  already_back: number;
  /** Identifies this plan. */
  mark: string;
  /** The request that puts back; null for a plan. */
  request: RequestView | null;
}

/** The account, its gate and what was learned of it. */
export interface AccountView {
  gate: {
    open: boolean;
    code: string | null;
    reason: string | null;
    /** What to do about a closed gate. */
    advice: string | null;
    closed_at: string | null;
    next_probe_at: string | null;
    /** Who opened it last by hand, and when. */
    reopened: {
      /** ISO 8601, UTC. */
      at: string;
      by: string | null;
    } | null;
  };
  balance: {
    /** A decimal amount, such as "2.00". */
    amount: string;
    available_credit: string | null;
    currency: string | null;
    as_of: string | null;
  } | null;
  /** Batch jobs that are open at Telnyx. */
  slots_in_use: number;
  /** Batch jobs that may be open at once. */
  slots: number;
  /** The learned request rates, by endpoint family. */
  limits: {
    family: string;
    /** Requests a second that we allow ourselves at present. */
    per_second: number | null;
    /** The last limit that Telnyx announced, verbatim. */
    announced: string | null;
    paused_until: string | null;
  }[];
  limits_as_of: string | null;
}

/** What was found for one buy line. */
export interface PlannedLine {
  /** The position of the buy line, from 0; null for the list of numbers. */
  line: number | null;
  asked: number;
  found: number;
  /** How many could not be found at up to the price cap. */
  short: number;
  on_sale: {
    count: number;
    /** False when there may be more. */
    exact: boolean;
  } | null;
  /** On which rung of the fallback they were found. */
  rungs: {
    rung: string;
    found: number;
  }[];
  prices: {
    /** A decimal amount, such as "2.00". */
    upfront: string;
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
    count: number;
  }[];
  /** Some of them. */
  sample: string[];
}

/** What a buy would do. */
export interface BuyPlan {
  kind: 'buy';
  lines: PlannedLine[];
  /** How many the request would buy. */
  numbers: number;
  short: number;
  cost: {
    /** A decimal amount, such as "2.00". */
    upfront: string;
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
  };
  approval: {
    needed: boolean;
    above: string | null;
  };
  budgets: {
    name: string;
    /** A decimal amount, such as "2.00". */
    limit: string;
    /** A decimal amount, such as "2.00". */
    used: string;
    /** Used when it is applied. */
    after: string;
  }[];
  reservation: {
    held: number;
    refused: number;
    /** A reservation cannot be released: it lapses. */
    until: string | null;
  } | null;
  /** What a guard or a budget would refuse. */
  stops: {
    code: string;
    message: string;
    /** How many it stops. */
    numbers: number;
  }[];
  notes: string[];
  /** Calls to Telnyx that applying needs, estimated. */
  calls: {
    call: string;
    count: number;
  }[];
  /** The estimated time. */
  seconds: number;
}

/** How one field changes, and on how many numbers. */
export interface FieldChange {
  field: string;
  add: number;
  change: number;
  remove: number;
  same: number;
  /** Numbers whose present value the inventory does not hold. */
  unknown: number;
  /** The most frequent changes. */
  values: {
    sign: 'add' | 'change' | 'remove' | 'unknown';
    before: string | null;
    after: string | null;
    count: number;
    /** Some of them. */
    sample: string[];
  }[];
}

/** What an update would change. */
export interface UpdatePlan {
  kind: 'update';
  numbers: number;
  changed: number;
  unchanged: number;
  not_in_inventory: number;
  fields: FieldChange[];
  /** What paid settings cost, once. */
  charge: string | null;
  /** What a guard or a budget would refuse. */
  stops: {
    code: string;
    message: string;
    /** How many it stops. */
    numbers: number;
  }[];
  notes: string[];
  /** Calls to Telnyx that applying needs, estimated. */
  calls: {
    call: string;
    count: number;
  }[];
  /** The estimated time. */
  seconds: number;
}

/** What a release would release. */
export interface DeletePlan {
  kind: 'delete';
  numbers: number;
  release: number;
  /** Numbers whose deletion lock is removed first. */
  unlock: number;
  /** Numbers whose emergency services are disabled first. */
  disable_emergency: number;
  /** Numbers that left the account before. */
  gone: number;
  /** What each guard keeps back, and why. */
  kept: {
    code: string;
    message: string;
    /** How many it stops. */
    numbers: number;
    /** Some of them. */
    sample: string[];
  }[];
  monthly_ends: {
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
  }[];
  /** Numbers whose price is not known. */
  unpriced: number;
  /** Some of them. */
  sample: string[];
  /** What a guard or a budget would refuse. */
  stops: {
    code: string;
    message: string;
    /** How many it stops. */
    numbers: number;
  }[];
  notes: string[];
  /** Calls to Telnyx that applying needs, estimated. */
  calls: {
    call: string;
    count: number;
  }[];
  /** The estimated time. */
  seconds: number;
}

/** What one area has on sale. */
export interface AreaOnSale {
  /** An area code, or the place where area codes are not told apart. */
  area: string;
  count: number;
  /** False when there may be more. */
  exact: boolean;
  cheapest: {
    /** A decimal amount, such as "2.00". */
    upfront: string;
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
  } | null;
  /** The dearest that a search showed. */
  dearest: {
    /** A decimal amount, such as "2.00". */
    upfront: string;
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
  } | null;
  sample: {
    /** E.164, such as +13125550100. */
    phone_number: string;
    /** A decimal amount, such as "2.00". */
    upfront: string;
    /** A decimal amount, such as "2.00". */
    monthly: string;
    currency: string;
  }[];
}

/** A search, which buys nothing. */
export interface SearchPlan {
  areas: AreaOnSale[];
  notes: string[];
  kind: 'search';
}

/** What a request would do, before it is filed. */
export interface PlanView {
  id: string;
  kind: 'buy' | 'update' | 'delete' | 'search';
  status: 'pending' | 'planned' | 'failed' | 'applied' | 'expired';
  asked: number;
  asked_by: string;
  /** What was asked; phone_numbers is a count. */
  body: Record<string, unknown>;
  reserve: boolean;
  result: BuyPlan | UpdatePlan | DeletePlan | SearchPlan | null;
  /** Why it could not be computed. */
  error: {
    code: string;
    message: string;
    details: {
      path: string;
      message: string;
    }[];
  } | null;
  /** Why it could not be applied the last time. */
  apply_error: {
    code: string;
    message: string;
    details: {
      path: string;
      message: string;
    }[];
  } | null;
  applied_by: string | null;
  /** The request that it became. */
  request_id: string | null;
  /** ISO 8601, UTC. */
  created_at: string;
  planned_at: string | null;
  applied_at: string | null;
  /** ISO 8601, UTC. */
  expires_at: string;
}
