import { describe, expect, it } from 'vitest';
import type { Account } from '../../../../src/db/account.ts';
import type { RequestFigures } from '../../../../src/db/queries/requests.ts';
import type { Request } from '../../../../src/db/requests.ts';
import type { ErrorCode } from '../../../../src/domain/codes.ts';
import { ITEM_STATUSES, type ItemCounts, REQUEST_STATUSES, type RequestKind } from '../../../../src/domain/request.ts';
import { accountView, requestView } from '../../../../src/producers/read/views.ts';

const at = new Date('2026-01-01T00:00:00.000Z');
const OPEN: Account = {
  id: 1,
  gateOpen: true,
  reasonCode: null,
  reason: null,
  closedAt: null,
  probeAt: null,
  balance: null,
  availableCredit: null,
  currency: null,
  balanceAt: null,
  limits: null,
  limitsAt: null,
};
/** `something_new` stands for a code that another version stored. */
const closed = (reasonCode: ErrorCode | 'something_new'): Account => ({
  ...OPEN,
  gateOpen: false,
  reasonCode: reasonCode as ErrorCode,
  reason: 'Telnyx said no',
  closedAt: at,
});
const figures: RequestFigures = {
  counts: Object.fromEntries(ITEM_STATUSES.map((s) => [s, 0])) as ItemCounts,
  chunks: { total: 0, settled: 0 },
  cost: { upfront: '0', monthly: '0', currency: null },
};
const request = (kind: RequestKind, fields: Partial<Request> = {}): Request => ({
  id: 'req_1',
  seq: 1,
  kind,
  status: 'running',
  label: null,
  body: {},
  steps: [],
  asked: 0,
  submittedBy: null,
  plannedBy: null,
  updateCharge: null,
  emergencyCharge: null,
  maxUpfrontCost: null,
  maxMonthlyCost: null,
  idempotencyKey: null,
  keySpace: null,
  bodyHash: '',
  errorCode: null,
  error: null,
  filedBy: null,
  cancelRequestedAt: null,
  startAt: null,
  pausedAt: null,
  canary: null,
  canaryPassedAt: null,
  stopAbove: null,
  acceptedFailed: 0,
  acceptedEnded: 0,
  allOrNothing: false,
  allClaimedAt: null,
  createdAt: at,
  updatedAt: at,
  finishedAt: null,
  ...fields,
});
const errorOf = (r: Request, account: Account) => requestView(r, figures, account).error;

describe('the error of an open request while the account gate is closed', () => {
  it.each([
    ['bad_key', /set TELNYX_API_KEY, restart the workers, then `provisioner account reopen`/],
    ['insufficient_funds', /add credit; it opens by itself, or `provisioner account reopen`/],
    ['account_blocked', /ask Telnyx support/],
    ['forbidden', /ask Telnyx support/],
    ['something_new', /provisioner account reopen/],
  ] as const)('%s: it says so, with what Telnyx said and what to do', (code, advice) => {
    const error = errorOf(request('buy'), closed(code));
    expect(error).toEqual({
      code,
      message: expect.stringMatching(/^the account gate is closed, nothing is \w+: Telnyx said no; /),
    });
    expect(error?.message).toMatch(advice);
    expect(accountView(closed(code), { inUse: 0, configured: 15 }).gate.advice).toMatch(advice);
  });

  it('lack of funds holds up buys alone', () => {
    expect(errorOf(request('update'), closed('insufficient_funds'))).toBeNull();
    expect(errorOf(request('delete'), closed('insufficient_funds'))).toBeNull();
    expect(errorOf(request('update'), closed('bad_key'))).toMatchObject({ code: 'bad_key' });
  });

  it('is in the answer only: nothing is said of ended requests, of an open gate, or over what a person or paperwork holds up', () => {
    const own = { errorCode: 'requirements_not_met' as const, error: 'waits for paperwork' };
    const shown = { code: 'requirements_not_met', message: 'waits for paperwork' };
    for (const status of REQUEST_STATUSES) {
      const seen = errorOf(request('buy', { status, ...own }), closed('bad_key'));
      if (['queued', 'running', 'needs_attention'].includes(status)) expect([status, seen?.code]).toEqual([status, 'bad_key']);
      else expect([status, seen]).toEqual([status, shown]);
    }
    expect(errorOf(request('buy'), OPEN)).toBeNull();
    expect(errorOf(request('buy', own), OPEN)).toEqual(shown);
    expect(accountView(OPEN, { inUse: 0, configured: 15 }).gate.advice).toBeNull();
  });
});

describe('the account', () => {
  it('names everything in snake_case, slots in use and configured too', () => {
    const limits = [
      { family: 'orders', perSecond: 2.5, announced: '100;w=60', pausedUntil: '2026-01-01T00:00:00.000Z' },
      { family: 'reads', perSecond: 10, announced: null, pausedUntil: null },
    ];
    const view = accountView({ ...OPEN, limits }, { inUse: 3, configured: 15 });
    expect(view).toMatchObject({
      slots_in_use: 3,
      slots: 15,
      limits: [
        { family: 'orders', per_second: 2.5, announced: '100;w=60', paused_until: '2026-01-01T00:00:00.000Z' },
        { family: 'reads', per_second: 10, announced: null, paused_until: null },
      ],
    });
    const names = JSON.stringify(view).match(/"(\w+)":/g) ?? [];
    expect(names.filter((name) => /[A-Z]/.test(name))).toEqual([]);
  });
});
