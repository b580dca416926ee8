import { pipeline } from 'node:stream/promises';
import { invalid, notFound } from '../../domain/errors.ts';
import type { ItemStatus, RequestKind, RequestStatus } from '../../domain/request.ts';
import { visible } from '../../domain/text.ts';
import { CSV } from '../../producers/read/csv.ts';
import { readHistory } from '../../producers/read/history.ts';
import {
  ITEM_COLUMNS,
  listItems,
  listRequests,
  readChunks,
  readRequest,
  reasonsOf,
  streamItems,
} from '../../producers/read/read.ts';
import type { RequestView } from '../../producers/read/views.ts';
import { type Cli, note, result, withProducer } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { wholeNumber } from '../flag-values.ts';
import { count, fold, type Paint, table } from '../output.ts';
import { attentionOf, chunksText, itemsText, reasonsText, requestText, statusText } from '../report.ts';
import { actText } from '../request-words.ts';
import { idText, timeText } from '../short.ts';
import { waitAndReport } from '../wait-report.ts';
import { noteWorkerless } from '../workerless.ts';

/** The flags of a list that is read page by page. */
export interface PageFlags {
  limit: string;
  cursor?: string;
  json?: boolean;
}
/** The flags of `requests`. */
export type ListFlags = PageFlags & { status?: RequestStatus; kind?: RequestKind };
/** The flags of `request`. */
export type RequestFlags = PageFlags & { items?: ItemStatus | 'all' };

/** Reads `--limit` and `--cursor` of a list whose cursor is a number. */
export function pageOf(flags: { limit: string; cursor?: string }): { limit: number; cursor?: string } {
  if (flags.cursor !== undefined && !/^\d{1,15}$/.test(flags.cursor))
    throw invalid([{ path: '--cursor', message: `"${flags.cursor}" is no cursor of this list` }]);
  return { limit: wholeNumber(flags.limit, '--limit', 500), ...(flags.cursor !== undefined && { cursor: flags.cursor }) };
}

/** Lists requests, newest first. */
export async function list(cli: Cli, flags: ListFlags): Promise<void> {
  const page = await withProducer(cli, async (deps) => {
    const found = await listRequests(deps.db, {
      ...pageOf(flags),
      ...(flags.status !== undefined && { status: flags.status }),
      ...(flags.kind !== undefined && { kind: flags.kind }),
    });
    await noteWorkerless(cli, deps, found.data);
    return found;
  });
  const paint = cli.io.paintOut;
  await result(cli, flags.json, { data: page.data, next_cursor: page.nextCursor }, () => listText(page.data, paint));
  if (page.nextCursor !== null && flags.json !== true) note(cli, `there are more: --cursor ${page.nextCursor}`);
}

/** One line for each request. Below an open request, a line says what it waits for. */
function listText(requests: readonly RequestView[], paint: Paint): string {
  const rows = requests.map((r) => [
    r.label ?? '',
    idText(r.id, paint),
    r.kind,
    statusText(r.status),
    `${count(r.counts.succeeded)}/${count(r.counts.asked)}`,
    r.counts.failed === 0 && paint.width !== null ? '' : count(r.counts.failed),
    timeText(r.created_at, paint),
  ]);
  const [head = '', ...lines] = table(
    [
      { title: 'label', fit: 'cut' },
      'request',
      'kind',
      'status',
      { title: 'done', align: 'right' },
      { title: 'failed', align: 'right' },
      'created',
    ],
    rows,
    paint,
  ).split('\n');
  const room = paint.width === null ? Number.POSITIVE_INFINITY : paint.width - 4;
  const waits = (r: RequestView | undefined) =>
    r?.error == null
      ? []
      : fold(visible(`waits: ${r.error.message} (${r.error.code})`), room).map((line, n) =>
          paint('dim', `${n === 0 ? '  ' : '    '}${line}`),
        );
  return [head, ...lines.flatMap((line, i) => [line, ...waits(requests[i])])].join('\n');
}

/** Shows one request: figures, chunks, reasons, and what needs a decision. */
export async function showRequest(cli: Cli, id: string, flags: RequestFlags): Promise<void> {
  const { items: status } = flags;
  const seen = await withProducer(cli, async (deps) => {
    const view = await readRequest(deps.db, id);
    if (view === null) throw notFound(`there is no request ${id}`);
    await noteWorkerless(cli, deps, [view]);
    const items =
      status === undefined ? null : await listItems(deps.db, id, { ...pageOf(flags), ...(status !== 'all' && { status }) });
    return { view, items, chunks: await readChunks(deps.db, id), reasons: await reasonsOf(deps.db, id) };
  });
  const { view, items, chunks, reasons } = seen;
  const paint = cli.io.paintOut;
  const attention = chunks.filter((c) => c.state === 'needs_attention');
  const value = {
    ...view,
    reasons,
    needs_attention: attention,
    ...(items !== null && { items: items.data, next_cursor: items.nextCursor }),
  };
  await result(cli, flags.json, value, () => {
    // Settled chunks are left out, because a large update has one for every thousand numbers.
    const open = chunks.filter((c) => c.state !== 'settled' && c.state !== 'cancelled');
    const shown = chunks.length <= 20 ? chunks : open.slice(0, 20);
    return [
      requestText(view, paint),
      reasonsText(reasons, paint),
      chunksText(shown, paint),
      attentionOf(id, chunks, paint),
      items === null ? '' : itemsText(items.data, paint),
    ].join('');
  });
  if (items?.nextCursor != null && flags.json !== true)
    note(cli, `there are more: --cursor ${items.nextCursor}, or all of them: provisioner export ${id}`);
}

/** Shows who did what to a request, and when. */
export async function history(cli: Cli, id: string, flags: PageFlags): Promise<void> {
  const page = await withProducer(cli, async (deps) => {
    if ((await readRequest(deps.db, id)) === null) throw notFound(`there is no request ${id}`);
    return readHistory(deps.db, id, pageOf(flags));
  });
  await result(cli, flags.json, { data: page.data, next_cursor: page.nextCursor }, () =>
    table(
      ['when', { title: 'who', fit: 'cut' }, 'what', { title: 'detail', fit: 'fold' }],
      page.data.map((act) => [timeText(act.at, cli.io.paintOut), act.by ?? '-', act.action, actText(act)]),
      cli.io.paintOut,
    ),
  );
  if (page.nextCursor !== null && flags.json !== true) note(cli, `there are more: --cursor ${page.nextCursor}`);
}

/** Follows a request until it has ended. Returns the exit code. */
export async function watch(cli: Cli, id: string, flags: { timeout?: string; json?: boolean }): Promise<number> {
  const timeoutMs = flags.timeout === undefined ? null : parseDuration(flags.timeout, '--timeout');
  return withProducer(cli, (deps) => waitAndReport(cli, deps, id, { timeoutMs, json: flags.json, throughHolds: true }));
}

/** Prints all numbers of a request as CSV. */
export async function exportItems(cli: Cli, id: string): Promise<void> {
  await withProducer(cli, async (deps) => {
    if ((await readRequest(deps.db, id)) === null) throw notFound(`there is no request ${id}`);
    const { stringify } = await import('csv-stringify');
    await pipeline(streamItems(deps.db, id), stringify({ ...CSV, columns: [...ITEM_COLUMNS] }), cli.io.stdout, {
      end: false,
    });
  });
}
