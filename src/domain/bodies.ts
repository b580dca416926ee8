/** The request bodies users send, after their shape was checked. Field names are the public contract. */
export interface BuyLine {
  country_code: string;
  phone_number_type: string;
  national_destination_code?: string | undefined;
  administrative_area?: string | undefined;
  locality?: string | undefined;
  rate_center?: string | undefined;
  features: string[];
  quantity: number;
  max_number_cost?: string | undefined;
  requirement_group_id?: string | undefined;
  quickship?: boolean | undefined;
  exclude_held_numbers?: boolean | undefined;
  fallback?: { national_destination_codes: string[]; best_effort: boolean } | undefined;
}

export interface BuyBody {
  kind: 'buy';
  label?: string | undefined;
  lines: BuyLine[];
  phone_numbers: string[];
  assign: {
    connection_id?: string | undefined;
    messaging_profile_id?: string | undefined;
    billing_group_id?: string | undefined;
    tags?: string[] | undefined;
  };
  max_upfront_cost?: string | undefined;
  max_monthly_cost?: string | undefined;
  max_number_cost?: string | undefined;
  requirement_group_id?: string | undefined;
  reserve: boolean;
}

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
  messaging_profile_id?: string | undefined;
  emergency_address_id?: string | null | undefined;
  voice?: Record<string, unknown> | undefined;
}

export type Where = Record<string, string>;

export interface UpdateBody {
  kind: 'update';
  label?: string | undefined;
  phone_numbers?: string[] | undefined;
  where?: Where | undefined;
  set: UpdateSet;
}

export interface DeleteBody {
  kind: 'delete';
  label?: string | undefined;
  phone_numbers?: string[] | undefined;
  where?: Where | undefined;
  expected_count: number;
  include_locked: boolean;
  include_emergency: boolean;
  /** Numbers that left the account before are skipped; without it they stop the whole release. */
  skip_gone?: boolean | undefined;
}

export type RequestBody = BuyBody | UpdateBody | DeleteBody;
