/** An example for each named shape that people copy. A test checks each of them against its shape. */
export const EXAMPLES: Readonly<Record<string, object>> = {
  BuyRequest: {
    kind: 'buy',
    label: 'Chicago launch',
    lines: [
      {
        national_destination_code: '312',
        features: ['sms', 'voice'],
        quantity: 200,
        max_number_cost: '2.00',
        fallback: { national_destination_codes: ['773', '872'], best_effort: false },
      },
    ],
    assign: { connection_id: '1293384261075731499', tags: ['launch'] },
    max_upfront_cost: '250.00',
    max_monthly_cost: '250.00',
  },
  UpdateRequest: { kind: 'update', where: { tag: 'launch' }, set: { connection_id: '1293384261075731500', add_tags: ['live'] } },
  DeleteRequest: { kind: 'delete', phone_numbers: ['+13125550100'], expected_count: 1 },
  DriftChoice: { only: ['tags'], phone_numbers: ['+13125550100'] },
  ApplyPlan: { allow_changes: false },
  Available: {
    areas: [
      {
        area: '312',
        count: 549,
        exact: true,
        cheapest: { upfront: '1.00', monthly: '1.00', currency: 'USD' },
        dearest: { upfront: '2.00', monthly: '2.00', currency: 'USD' },
        sample: [{ phone_number: '+13125550100', upfront: '1.00', monthly: '1.00', currency: 'USD' }],
      },
    ],
    notes: [],
  },
  UndoChoice: { plan_only: true },
  Decision: { decision: 'adopt', order_id: '4b06d6a3-7a3c-4f2e-9a55-7ec3f1b1c0de' },
  StartReconciliation: { repair: false },
  Item: {
    phone_number: '+13125550100',
    status: 'succeeded',
    reason_code: null,
    reason: null,
    line: 0,
    chunk_id: 'chk_01J9ZC4Q2V',
    telnyx_id: '1293384261075731499',
    bought_at: '2026-11-28T07:30:00.000Z',
    upfront_cost: '1.00',
    monthly_cost: '1.00',
    currency: 'USD',
    updated_at: '2026-11-28T07:30:02.000Z',
  },
  Error: {
    error: {
      code: 'validation_failed',
      message: 'lines.0.quantity: must be a whole number from 1 to 10,000',
      details: [{ path: 'lines.0.quantity', message: 'must be a whole number from 1 to 10,000' }],
    },
  },
};
