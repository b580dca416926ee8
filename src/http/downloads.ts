import { addAbortSignal, finished, pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CSV } from '../producers/read/csv.ts';
import { HTTP_TIMINGS, type HttpDeps } from './deps.ts';
import { createPlaces, cutWhenIdle } from './places.ts';

/** Downloads that one API key, and all together, may have open at once. */
const DOWNLOADS = { each: 4, all: 40 };

/** What is downloaded, row by row. */
export interface Download {
  /** Without `.csv`. */
  name: string;
  columns: readonly string[];
  rows: AsyncIterable<object>;
}

/** Sends rows as a CSV. Errors: `too_many_streams`, `streams_full`; then nothing was read. */
export type SendCsv = (request: FastifyRequest, reply: FastifyReply, download: Download) => FastifyReply;

/** Downloads are limited in number and in time, so that slow readers cannot stop the work or other readers. */
export function createDownloads({ timings }: Pick<HttpDeps, 'timings'>): SendCsv {
  const { idleReaderMs, longestDownloadMs } = { ...HTTP_TIMINGS, ...timings };
  const places = createPlaces('downloads', DOWNLOADS);
  return (request, reply, { name, columns, rows }) => {
    const leave = places.take(request);
    finished(reply.raw, leave);
    cutWhenIdle(request, idleReaderMs);
    const csv = stringify({ ...CSV, columns: [...columns] });
    addAbortSignal(AbortSignal.timeout(longestDownloadMs), csv);
    // Ends the reading of pages too when the client goes away; what was cut shows as a cut transfer.
    pipeline(Readable.from(rows), csv, (err) => {
      if (err !== null && err !== undefined) request.log.warn({ err, file: name }, 'a CSV was cut');
    });
    return reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${name}.csv"`).send(csv);
  };
}
