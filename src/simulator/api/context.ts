import type { Fault, FaultKind, Target } from '../faults.ts';
import type { World } from '../world.ts';
import { type Body, metaOf, type PageMeta, pageOf, type Query, Refusal } from './wire.ts';

/** One request as the endpoints see it. */
export interface Context {
  world: World;
  target: Target;
  query: Query;
  body: Body;
  /** The variable part of the path. */
  id: string;
}

export interface Reply {
  status: number;
  body: unknown;
}

export type Handler = (context: Context) => Reply;

export function ok(body: unknown, status = 200): Reply {
  return { status, body };
}

/** Returns the fault of this kind that strikes this request. `fits` says whether it can have an effect here. */
export function struckBy(context: Context, kind: FaultKind, fits?: (fault: Fault) => boolean): Fault | undefined {
  return context.world.faults.take(kind, context.target, fits);
}

/** Returns the code that a fault answers with: its own, none when it says `none`, else the usual one. */
export function codeOf(fault: Fault | undefined, usual: string): { code?: string } {
  return fault?.code === 'none' ? {} : { code: fault?.code ?? usual };
}

/**
 * A page of a list, with the faults that lists can have.
 * `read` gets an offset and a size, so that large lists are never copied.
 */
export function paged<T>(
  context: Context,
  read: (offset: number, size: number) => { rows: T[]; total: number },
): { data: T[]; meta: PageMeta } {
  const page = pageOf(context.query);
  const failing = struckBy(context, 'page_fails', (fault) => (fault.page ?? 2) === page.number);
  if (failing) {
    throw new Refusal(failing.status ?? 500, { ...codeOf(failing, '10007'), title: 'Unexpected error' });
  }
  const shift = page.number > 1 ? struckBy(context, 'shifting_pages') : undefined;
  const moved = shift ? (shift.by ?? 1) * (page.number - 1) : 0;
  const { rows, total } = read(Math.max(0, (page.number - 1) * page.size - moved), page.size);
  const meta = metaOf(page, total);
  const off = struckBy(context, 'total_off');
  if (off) meta.total_results = Math.max(0, meta.total_results + (off.by ?? 1));
  return { data: rows, meta };
}

/** A page of a list that is small enough to be filtered as a whole. */
export function pagedArray<T, R>(context: Context, rows: readonly T[], view: (row: T) => R): { data: R[]; meta: PageMeta } {
  return paged(context, (offset, size) => ({ rows: rows.slice(offset, offset + size).map(view), total: rows.length }));
}
