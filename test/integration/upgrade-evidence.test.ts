import { afterAll, beforeEach, expect, it } from 'vitest';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { fileAsBefore, migrateBefore, type OldChunk, rawClient } from '../support/old-database.ts';
import { fileDatabase } from '../support/postgres.ts';

const database = await fileDatabase({ beforeEach, afterAll, template: false });
const [AT, LATER] = ['2026-01-01T10:00:00.000Z', '2026-01-01T10:05:00.000Z'];
const N = '+13125550100';
const LOOK = { at: AT, found: ['ord_1'], owned: 1 };
const ORDER = { kind: 'order', settings: {} };
const DELETE = { kind: 'delete', include_locked: true, include_emergency: true };
const TAGS = { add: ['new'], remove: [] };
const UNLOCK = { kind: 'update', settings: { deletion_lock_enabled: false } };

interface Now {
  evidence: unknown;
  payload: unknown;
  step?: object;
  nextSteps?: object[];
}
type Case = [name: string, before: Pick<OldChunk, 'state' | 'evidence' | 'nextSteps'> & { step?: OldChunk['step'] }, now: Now];

const unknown = (more: object = {}) => ({ phase: 'unknown', because: 'reply_lost', checks: [], ...more });
const update = (settings: object, tags?: object) => ({ kind: 'update', settings, ...(tags && { tags }) });

const EVIDENCE: Case[] = [
  ['planned and never sent', { state: 'planned' }, { evidence: null, payload: null }],
  ['with JSON null', { state: 'ambiguous' }, { evidence: null, payload: {} }],
  [
    'planned, cut out of an order that may take effect late',
    { state: 'planned', evidence: { because: 'cut_from_order', looks: [], lateUntil: LATER, bisect: { of: 'chk_1' } } },
    { evidence: { history: { lateUntil: LATER, bisect: { of: 'chk_1' } }, seen: { phase: 'before_sending' } }, payload: null },
  ],
  [
    'planned again after all of what can come before',
    {
      state: 'planned',
      evidence: {
        because: 'numbers_gone',
        looks: [],
        resent: 2,
        declared: true,
        windowed: true,
        rearmed: true,
        bisect: { of: 'chk_1', refused: 'x' },
      },
    },
    {
      evidence: {
        history: { resent: 2, declared: true, windowed: true, rearmed: true, bisect: { of: 'chk_1', refused: 'x' } },
        seen: { phase: 'before_sending' },
      },
      payload: null,
    },
  ],
  [
    'planned with streaks',
    {
      state: 'planned',
      step: DELETE,
      evidence: { because: 'prepared', looks: [], hidden: { [N]: { since: AT, looks: 3 } }, notReady: {} },
    },
    {
      evidence: {
        history: {},
        seen: { phase: 'before_sending', hidden: { [N]: { since: AT, checks: 3 } }, notReady: {} },
      },
      payload: null,
    },
  ],
  [
    'submitting',
    { state: 'submitting', evidence: { because: 'sent', looks: [], resent: 1 } },
    { evidence: { history: { resent: 1 }, seen: { phase: 'before_sending' } }, payload: {} },
  ],
  [
    'submitted a moment ago',
    { state: 'submitted', evidence: { because: 'sent', looks: [] } },
    { evidence: { history: {}, seen: { phase: 'open' } }, payload: {} },
  ],
  [
    'submitted, with lines that failed',
    {
      state: 'submitted',
      evidence: { because: 'sent', looks: [], declared: true, failedLines: { [N]: { since: AT, looks: 2 } } },
    },
    {
      evidence: { history: { declared: true }, seen: { phase: 'open', failedLines: { [N]: { since: AT, checks: 2 } } } },
      payload: {},
    },
  ],
  [
    'submitted and over, being checked',
    { state: 'submitted', step: DELETE, evidence: { because: 'released', looks: [LOOK, { ...LOOK, owned: 0 }] } },
    { evidence: { history: {}, seen: { phase: 'final', checks: [LOOK, { ...LOOK, owned: 0 }] } }, payload: {} },
  ],
  [
    'ambiguous, with all that can be known',
    {
      state: 'ambiguous',
      evidence: { because: 'reply_lost', looks: [LOOK], named: [N], wholeWindow: true, resent: 5, lateUntil: LATER },
    },
    {
      evidence: {
        history: { resent: 5, lateUntil: LATER },
        seen: unknown({ checks: [LOOK], named: [N], wholeWindow: true }),
      },
      payload: {},
    },
  ],
  [
    'ambiguous, with what an earlier phase left',
    { state: 'ambiguous', evidence: { because: 'reply_lost', looks: [], hidden: {}, failedLines: {} } },
    { evidence: { history: {}, seen: unknown() }, payload: {} },
  ],
  [
    'parked',
    { state: 'needs_attention', evidence: { because: 'reply_lost', looks: [LOOK], ownedNumbers: [N], conclusion: 'odd' } },
    { evidence: { history: {}, seen: unknown({ checks: [LOOK], ownedNumbers: [N], conclusion: 'odd' }) }, payload: {} },
  ],
  [
    'settled',
    { state: 'settled', evidence: { because: 'reply_lost', looks: [LOOK], resent: 1 } },
    { evidence: { history: { resent: 1 }, seen: unknown({ checks: [LOOK] }) }, payload: null },
  ],
];

const STEPS: Case[] = [
  [
    'update, planned with merged tags',
    { state: 'planned', step: update({ tags: ['old', 'new'], hd_voice_enabled: true }, TAGS) },
    { evidence: null, payload: null, step: update({ hd_voice_enabled: true }, TAGS) },
  ],
  [
    'update, planned with tags that are set',
    { state: 'planned', step: update({ tags: ['these'] }) },
    { evidence: null, payload: null, step: update({ tags: ['these'] }) },
  ],
  ...['submitting', 'submitted', 'ambiguous', 'needs_attention'].map((state): Case => {
    const settings = { tags: ['old', 'new'], connection_id: '1' };
    const step = update({ connection_id: '1' }, TAGS);
    return [
      `update, ${state} with merged tags`,
      { state, step: update(settings, TAGS) },
      { evidence: null, payload: { settings }, step },
    ];
  }),
  [
    'update, settled with merged tags',
    { state: 'settled', step: update({ tags: ['old', 'new'] }, TAGS) },
    { evidence: null, payload: null, step: update({ tags: ['old', 'new'] }, TAGS) },
  ],
  [
    'release, with a lock that was lifted',
    { state: 'planned', step: { ...DELETE, freed: ['lock', 'emergency'] } },
    { evidence: null, payload: null, step: { ...DELETE, cleared: ['lock', 'emergency'] } },
  ],
  [
    'unlocking, before its release and more',
    { state: 'submitted', step: UNLOCK, nextSteps: [{ ...DELETE, freed: ['lock'] }, UNLOCK] },
    {
      evidence: null,
      payload: { settings: UNLOCK.settings },
      step: UNLOCK,
      nextSteps: [{ ...DELETE, cleared: ['lock'] }, UNLOCK],
    },
  ],
];

const CASES = [...EVIDENCE, ...STEPS];
const idOf = (name: string) => `chk_${name.replaceAll(/\W+/g, '')}`;

await migrateBefore(database.url, '0009_payload_and_evidence');
const sql = rawClient(database.url);
afterAll(() => sql.end());
for (const [name, { step = ORDER, ...before }] of CASES) {
  const numbers = [{ phoneNumber: `+1312555${String(1000 + CASES.findIndex(([n]) => n === name))}` }];
  await fileAsBefore(sql, { kind: step.kind === 'order' ? 'buy' : 'update' }, [{ id: idOf(name), numbers, step, ...before }]);
}
await sql`update chunks set evidence = 'null' where id = ${idOf('with JSON null')}`;
await migrateDatabase(database.url);

it.each(CASES)('a chunk %s keeps what is known of it', async (name, before, now) => {
  const [row] = await sql`select evidence, payload, step, next_steps from chunks where id = ${idOf(name)}`;
  expect(row).toEqual({
    evidence: now.evidence,
    payload: now.payload,
    step: now.step ?? before.step ?? ORDER,
    next_steps: now.nextSteps ?? before.nextSteps ?? [],
  });
});
