import { visible } from '../domain/text.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { readChunks, type reasonsOf } from '../producers/read/read.ts';
import type { ChunkView, EvidenceView, ItemView, RequestView } from '../producers/read/views.ts';
import { DECISIONS } from './decisions.ts';
import { type Column, count, type Paint, type Painted, painted, pairs, plural, table } from './output.ts';
import { bodyPairs } from './request-words.ts';
import { idText, timeText } from './short.ts';

export type Reasons = Awaited<ReturnType<typeof reasonsOf>>;

const right = (title: string): Column => ({ title, align: 'right' });

/** Describes a request for people: what it is, its progress and its cost. */
export function requestText(view: RequestView, paint: Paint): string {
  const { counts, chunks, cost } = view;
  const head = pairs(
    [
      ['request', painted('bold', view.id)],
      ['kind', view.kind],
      ['label', view.label],
      ['status', statusText(view.status)],
      ...bodyPairs(view),
      ['asked by', view.submitted_by],
      ['filed by', view.filed_by],
      ['idempotency key', view.idempotency_key],
      ['created', timeText(view.created_at, paint)],
      ['starts', view.status === 'scheduled' && view.start_at !== null ? timeText(view.start_at, paint) : null],
      ['paused', view.paused_at === null ? null : timeText(view.paused_at, paint)],
      ['cancel asked', view.cancel_requested_at === null ? null : timeText(view.cancel_requested_at, paint)],
      ['finished', view.finished_at === null ? null : timeText(view.finished_at, paint)],
      ['chunks', chunks.total === 0 ? null : `${count(chunks.settled)} of ${count(chunks.total)} settled`],
      ['cost', view.kind === 'buy' ? `${cost.upfront} ${cost.currency} upfront, ${cost.monthly} ${cost.currency} a month` : null],
      ['error', view.error === null ? null : `${view.error.message} (${view.error.code})`],
    ],
    paint,
  );
  const names = ['asked', 'succeeded', 'failed', 'cancelled', 'skipped', 'in_flight', 'pending'] as const;
  const figures = table(names.map(right), [names.map((name) => count(counts[name]))], paint);
  return `${head}\n\n${figures}`;
}

/** Lists why numbers failed or were skipped. Empty when none did. */
export function reasonsText(reasons: Reasons, paint: Paint): string {
  if (reasons.length === 0) return '';
  const rows = reasons.map((r) => [count(r.count), r.code, r.reason]);
  return `\n\n${table([right('numbers'), 'reason', { title: 'meaning', fit: 'fold' }], rows, paint)}`;
}

/** One line for each chunk. */
export function chunksText(chunks: readonly ChunkView[], paint: Paint): string {
  if (chunks.length === 0) return '';
  const rows = chunks.map((c) => [
    idText(c.id, paint),
    c.kind,
    c.waiting ? `${c.state}, waits for paperwork` : c.state,
    count(c.numbers),
    c.telnyx_id ?? '-',
    c.error === null ? '' : c.error.message,
  ]);
  const telnyx: Column = { title: 'at Telnyx', fit: 'cut' };
  return `\n\n${table(['chunk', 'kind', 'state', right('numbers'), telnyx, { title: 'error', fit: 'fold' }], rows, paint)}`;
}

/** One line for each item. */
export function itemsText(items: readonly ItemView[], paint: Paint): string {
  const rows = items.map((i) => [
    i.phone_number ?? '-',
    i.status,
    i.reason_code ?? '',
    i.reason ?? '',
    timeText(i.updated_at, paint),
  ]);
  return `\n\n${table(['phone number', 'status', 'reason', { title: 'meaning', fit: 'fold' }, 'updated'], rows, paint)}`;
}

/** Describes a chunk that a person must decide about, with each choice as the command that makes it. */
export function attentionText(requestId: string, chunk: ChunkView, paint: Paint): string {
  const what = chunk.kind === 'order' ? 'order' : `${chunk.kind} job`;
  const resolve = `provisioner resolve ${requestId} --chunk ${chunk.id}`;
  const seen = [...new Set((chunk.evidence?.looks ?? []).flatMap((check) => check.found))];
  const adopt = (seen.length === 0 ? [chunk.kind === 'order' ? 'ORDER' : 'JOB'] : seen).map((id): [string, string] => [
    `${resolve} --adopt ${id}`,
    `Telnyx accepted it as ${what} ${id}: follow that one`,
  ]);
  const choices: [string, string][] = [
    ...adopt,
    [`${resolve} --not-sent`, DECISIONS.not_sent],
    [`${resolve} --give-up`, DECISIONS.give_up],
  ];
  return [
    `\n\n${paint('yellow', `chunk ${chunk.id} needs your decision`)}: ${what} of ${plural(chunk.numbers, 'number')}, reference ${chunk.customer_reference}`,
    ...evidenceLines(chunk).map((line) => `  ${visible(line)}`),
    '  You can:',
    ...choices.map(([command, meaning]) => `    ${paint('cyan', visible(command))}\n      ${visible(meaning)}`),
  ].join('\n');
}

function evidenceLines(chunk: ChunkView): string[] {
  const { evidence } = chunk;
  if (evidence === null) return chunk.error === null ? ['nothing is known about its outcome'] : [chunk.error.message];
  const resent = evidence.resent ?? 0;
  return [
    `What happened: ${evidence.because}`,
    ...checkLines(chunk, evidence),
    ...(resent === 0 ? [] : [`It was sent again ${plural(resent, 'time')}, with the same numbers, because no check found it.`]),
    ...(evidence.conclusion === undefined ? [] : [`Conclusion: ${evidence.conclusion}`]),
  ];
}

function checkLines(chunk: ChunkView, evidence: EvidenceView): string[] {
  const last = evidence.looks.at(-1);
  if (last === undefined) return [];
  const one = chunk.kind === 'order' ? 'order with its reference' : 'job with its numbers';
  const found =
    last.found.length === 0 ? `no ${one}` : `${plural(last.found.length, one, one.replace(' ', 's '))}: ${last.found.join(', ')}`;
  const lines = [
    `Checked ${plural(evidence.looks.length, 'time')}, last at ${last.at}: found ${found};`,
    `${count(last.owned)} of its ${count(chunk.numbers)} numbers are in the account.`,
  ];
  const owned = evidence.ownedNumbers ?? [];
  if (owned.length > 0)
    lines.push(
      `In the account: ${owned.slice(0, 5).join(', ')}${owned.length > 5 ? ` and ${count(owned.length - 5)} more` : ''}`,
    );
  return lines;
}

/** Describes the end of a wait: the figures, and why numbers failed. */
export async function finalText(deps: ProducerDeps, view: RequestView, reasons: Reasons, paint: Paint): Promise<string> {
  return requestText(view, paint) + reasonsText(reasons, paint) + attentionOf(view.id, await openDecisions(deps, view), paint);
}

export function attentionOf(requestId: string, chunks: readonly ChunkView[], paint: Paint): string {
  return chunks
    .filter((c) => c.state === 'needs_attention')
    .map((c) => attentionText(requestId, c, paint))
    .join('');
}

async function openDecisions(deps: ProducerDeps, view: RequestView): Promise<ChunkView[]> {
  return view.status === 'needs_attention' ? readChunks(deps.db, view.id) : [];
}

/** Returns a status in its colour. */
export function statusText(status: string): Painted {
  if (status === 'succeeded') return painted('green', status);
  if (status === 'failed') return painted('red', status);
  if (status === 'running' || status === 'queued') return painted('cyan', status);
  return painted('yellow', status);
}
