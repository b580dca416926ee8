import { addAbortSignal, finished, pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CSV } from '../producers/read/csv.ts';
import { HTTP_TIMINGS, type HttpDeps } from './deps.ts';
import { createPlaces, cutWhenIdle } from './places.ts';

/** How many downloads one API key, and all keys together, may have open at once. */
const DOWNLOADS = { each: 4, all: 40 };

/** The rows of a download and its file name. */
export interface Download {
  /** Without `.csv`. */
  name: string;
  columns: readonly string[];
  rows: AsyncIterable<object>;
}

/** Sends rows as CSV. Errors: `too_many_streams`, `streams_full`; then no row was read. */
export type SendCsv = (request: FastifyRequest, reply: FastifyReply, download: Download) => FastifyReply;

/** Limits downloads in number and time, so that slow readers cannot stop the work or other readers. */
export function createDownloads({ timings }: Pick<HttpDeps, 'timings'>): SendCsv {
  const { idleReaderMs, longestDownloadMs } = { ...HTTP_TIMINGS, ...timings };
  const places = createPlaces('downloads', DOWNLOADS);
  return (request, reply, { name, columns, rows }) => {
    const leave = places.take(request);
    finished(reply.raw, leave);
    cutWhenIdle(request, idleReaderMs);
    const csv = stringify({ ...CSV, columns: [...columns] });
    addAbortSignal(AbortSignal.timeout(longestDownloadMs), csv);
    // The pipeline also ends the reading of pages when the client disconnects. The client sees an incomplete transfer.
    pipeline(Readable.from(rows), csv, (err) => {
      if (err !== null && err !== undefined) request.log.warn({ err, file: name }, 'a CSV was cut');
    });
    return reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${name}.csv"`).send(csv);
  };
}
