import { Command } from 'commander';
import { packageVersion } from '../config/version.ts';
import type { Cli } from './cli.ts';
import { registerAccount } from './commands/account.ts';
import { registerActs } from './commands/act.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerInventory } from './commands/inventory.ts';
import { registerPlans } from './commands/plans.ts';
import { registerReconcile } from './commands/reconcile.ts';
import { registerRequests } from './commands/requests.ts';
import { registerRoles } from './commands/roles.ts';
import { registerRuns } from './commands/runs.ts';
import { registerSubmit } from './commands/submit.ts';
import { registerWebhooks } from './commands/webhooks.ts';
import { addExamples } from './examples.ts';
import { takeShortIds } from './short-ids.ts';

const EXIT_CODES = `
Exit codes: 0 all succeeded, 1 failed, 2 usage (for reconcile: open drift), 3 partly succeeded, 4 not found,
5 wait timed out, 6 refused (confirmation, approval, guard), 7 Telnyx or the account unavailable,
8 something would change (only with --plan --detailed-exitcode).`;

/** Makes all commands. They throw errors; `runCli` prints them and sets the exit code. */
export function createProgram(cli: Cli): Command {
  const program = new Command('provisioner')
    .description('Bulk provisioning of Telnyx phone numbers: buy, update, release, reconcile.')
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES)
    .configureOutput({
      writeOut: (text) => cli.io.stdout.write(text),
      // `runCli` writes usage errors, as text or JSON.
      writeErr: () => undefined,
      outputError: () => undefined,
    });
  registerSubmit(program, cli);
  registerPlans(program, cli);
  registerRequests(program, cli);
  registerActs(program, cli);
  registerReconcile(program, cli);
  registerRuns(program, cli);
  registerInventory(program, cli);
  registerAccount(program, cli);
  registerWebhooks(program, cli);
  registerRoles(program, cli);
  registerDoctor(program, cli);
  registerCompletion(program, cli);
  addExamples(program);
  takeShortIds(program, cli);
  return program;
}
