import type { ProducerDeps } from '../producers/deps.ts';
import { reasonsOf } from '../producers/read/read.ts';
import type { RequestView } from '../producers/read/views.ts';
import { type Cli, note, result } from './cli.ts';
import { requestProgress } from './progress.ts';
import { finalText } from './report.ts';
import { idText } from './short.ts';
import { exitOfWait, pauseText, type Waited, waitForRequest } from './wait.ts';

/** Waits for a request and prints its result or its progress. Returns the exit code. */
export async function waitAndReport(
  cli: Cli,
  deps: ProducerDeps,
  id: string,
  options: { timeoutMs: number | null; json: boolean | undefined; throughHolds?: boolean },
): Promise<number> {
  const interrupt = cli.io.interrupt();
  try {
    const waited = await waitForRequest(deps, id, {
      timeoutMs: options.timeoutMs,
      throughHolds: options.throughHolds ?? false,
      progress: await requestProgress(cli.io),
      signal: interrupt.signal,
    });
    const reasons = await reasonsOf(deps.db, id);
    const text = await finalText(deps, waited.view, reasons, cli.io.paintOut);
    await result(cli, options.json, waited.view, () => text);
    noteEnd(cli, waited);
    return exitOfWait(waited, reasons);
  } finally {
    interrupt.done();
  }
}

function noteEnd(cli: Cli, { view, why, gateClosed }: Waited): void {
  if (why === 'held' && view.status === 'paused') note(cli, `${pauseText(view)}; it goes on with: provisioner resume ${view.id}`);
  else if (why === 'held') noteApproval(cli, view);
  if (why === 'timeout')
    note(
      cli,
      `the wait timed out${gateClosed ? ' while the account gate is closed' : ''}; the request goes on: provisioner watch ${view.id}`,
    );
  if (why === 'interrupted') note(cli, `stopped watching; the request goes on: provisioner watch ${view.id}`);
}

/** Tells how to approve a request that waits for it. */
export function noteApproval(cli: Cli, view: RequestView): void {
  note(
    cli,
    `${view.error?.message ?? 'the request waits for approval'}\nsomebody else approves it: provisioner approve ${idText(view.id, cli.io.paintErr)}`,
  );
}
