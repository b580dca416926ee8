import type { Command } from 'commander';
import { invalid, notFound } from '../../domain/errors.ts';
import { approveRequest } from '../../producers/actions/approve.ts';
import { cancelRequest } from '../../producers/actions/cancel.ts';
import { type Resolution, resolveChunk } from '../../producers/actions/decide.ts';
import { retryRequest } from '../../producers/actions/retry.ts';
import type { ProducerDeps } from '../../producers/deps.ts';
import { readRequest } from '../../producers/read/read.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { requestText } from '../report.ts';
import { noteWorkerless } from '../workerless.ts';

interface ActFlags {
  yes?: boolean;
  json?: boolean;
}

interface ResolveFlags extends ActFlags {
  chunk: string;
  adopt?: string;
  notSent?: boolean;
  giveUp?: boolean;
}

/** Registers `cancel`, `approve`, `retry` and `resolve`: short actions on one request. */
export function registerActs(program: Command, cli: Cli): void {
  acting(program.command('cancel').description('cancel what a request has not sent yet')).action((id: string, flags: ActFlags) =>
    act(cli, id, flags, `This cancels what request ${id} has not sent yet.`, async (deps) => {
      const request = await cancelRequest(deps, id, actor());
      if (request === null) throw notFound(`there is no request ${id}`);
      note(
        cli,
        request.finishedAt === null
          ? 'cancelling; numbers in flight end as Telnyx decides'
          : `request ${id} has ended: ${request.status}`,
      );
      return id;
    }),
  );
  acting(program.command('approve').description('approve a buy that waits for approval')).action((id: string, flags: ActFlags) =>
    act(cli, id, flags, `This lets request ${id} buy.`, async (deps) => (await approveRequest(deps, id, actor())).id),
  );
  acting(program.command('retry').description('file a new request for the failed numbers of an ended one')).action(
    (id: string, flags: ActFlags) =>
      act(cli, id, flags, `This files a new request for every failed number of ${id}.`, async (deps) => {
        const { request, created } = await retryRequest(deps, id);
        note(cli, created ? `new request ${request.id}` : `request ${id} was retried before: ${request.id}`);
        return request.id;
      }),
  );
  acting(program.command('resolve').description('decide about a chunk that needs attention'))
    .requiredOption('--chunk <id>', 'the chunk')
    .option('--adopt <id>', 'Telnyx accepted it as this order or job: follow that one')
    .option('--not-sent', 'Telnyx certainly never accepted it: send the same numbers again')
    .option('--give-up', 'end it: mark its open numbers as failed')
    .action(async (id: string, flags: ResolveFlags) => {
      const resolution = resolutionOf(flags);
      await act(
        cli,
        id,
        flags,
        `This decides chunk ${flags.chunk} of request ${id}: ${MEANING[resolution.kind]}.`,
        async (deps) => {
          const chunk = await resolveChunk(deps, id, flags.chunk, resolution, actor());
          note(cli, `chunk ${chunk.id} is ${chunk.state}`);
          return id;
        },
      );
    });
}

const MEANING: Record<Resolution['kind'], string> = {
  adopt: 'the worker follows the order or job with that id',
  not_sent: 'the same numbers are sent again, and BOUGHT TWICE if Telnyx accepted them before',
  give_up: 'its open numbers are marked as failed, whatever Telnyx did with them',
};

/** Returns the decision. Exactly one of `--adopt`, `--not-sent` and `--give-up` must be given. Errors: `validation_failed`. */
export function resolutionOf(flags: { adopt?: string; notSent?: boolean; giveUp?: boolean }): Resolution {
  const given: Resolution[] = [
    ...(flags.adopt === undefined ? [] : [{ kind: 'adopt' as const, telnyxId: flags.adopt }]),
    ...(flags.notSent === true ? [{ kind: 'not_sent' as const }] : []),
    ...(flags.giveUp === true ? [{ kind: 'give_up' as const }] : []),
  ];
  const [only, ...more] = given;
  if (only === undefined || more.length > 0)
    throw invalid([{ path: 'resolve', message: 'give exactly one of --adopt ORDER, --not-sent and --give-up' }]);
  return only;
}

function acting(command: Command): Command {
  return command.argument('<id>', 'the request').option('--yes', 'do not ask').option('--json', 'print the request as JSON');
}

async function act(
  cli: Cli,
  id: string,
  flags: ActFlags,
  summary: string,
  run: (deps: ProducerDeps) => Promise<string>,
): Promise<void> {
  requireConsent(cli.io, flags.yes);
  const view = await withProducer(cli, async (deps) => {
    if ((await readRequest(deps.db, id)) === null) throw notFound(`there is no request ${id}`);
    await confirm(cli.io, flags.yes, async () => summary);
    const after = await readRequest(deps.db, await run(deps));
    if (after !== null) await noteWorkerless(cli, deps, [after]);
    return after;
  });
  if (view === null) throw notFound(`there is no request ${id}`);
  await result(cli, flags.json, view, () => requestText(view, cli.io.paintOut));
}
