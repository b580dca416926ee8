import { notFound } from '../../domain/errors.ts';
import { planUndo, undoRequest } from '../../producers/actions/undo.ts';
import { readRequest } from '../../producers/read/read.ts';
import { type UndoAnswer, undoAnswer } from '../../producers/read/undo-answer.ts';
import { actor, type Cli, note, result, withProducer } from '../cli.ts';
import { confirm, requireConsent } from '../confirm.ts';
import { idText } from '../short.ts';
import { undoText } from '../undo-text.ts';
import { noteWorkerless } from '../workerless.ts';

/** The flags of `undo`. */
export interface UndoFlags {
  plan?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Files an update that puts back what a request changed, after it has shown the plan. With `--plan` it only shows it. */
export async function undo(cli: Cli, id: string, flags: UndoFlags): Promise<void> {
  if (flags.plan !== true) requireConsent(cli.io, flags.yes);
  const answer = await withProducer(cli, async (deps): Promise<UndoAnswer> => {
    const plan = await planUndo(deps, id);
    const planned = undoAnswer(id, plan, null);
    if (flags.plan === true) return planned;
    // Without a number there is nothing to ask about. The call below refuses it, and says why.
    if (plan.numbers > 0) await confirm(cli.io, flags.yes, async () => undoText(planned));
    const done = await undoRequest(deps, id, { actor: actor(), mark: plan.mark });
    const view = await readRequest(deps.db, done.request.id);
    if (view === null) throw notFound(`there is no request ${done.request.id}`);
    note(cli, done.created ? `new request ${view.id}` : `an undo of ${id} is under way: ${view.id}`);
    note(cli, `follow it with: provisioner watch ${idText(view.id, cli.io.paintErr)}`);
    await noteWorkerless(cli, deps, [view]);
    return undoAnswer(id, done.plan, view);
  });
  // Whoever was asked has read it already.
  const asked = flags.plan !== true && flags.yes !== true;
  await result(cli, flags.json, answer, () => (asked ? '' : undoText(answer)));
}
