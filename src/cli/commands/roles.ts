import type { Command } from 'commander';
import type { SimulateFlags } from '../actions/simulate.ts';
import { type Cli, configOf, requireDatabase, result, withProducer } from '../cli.ts';
import { portNumber } from '../flag-values.ts';
import type { Role } from '../services.ts';

const ROLES: readonly (readonly [Role, string])[] = [
  ['worker', 'run the processors; SIGTERM ends them in good order'],
  ['serve', 'run the HTTP API, webhooks and the dashboard'],
  ['up', 'run both in one process'],
];

/** Registers `migrate`, `worker`, `serve`, `up` and `simulate`. */
export function registerRoles(program: Command, cli: Cli): void {
  program
    .command('migrate')
    .description('apply all database migrations; safe to run twice and in parallel')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      await migrate(cli);
      await result(cli, flags.json, { migrated: true }, () => 'the database is up to date');
    });
  for (const [role, description] of ROLES) {
    const command = program.command(role).description(description);
    if (role !== 'worker') command.option('--port <port>', 'where to listen; 0 for any free port (default: PROVISIONER_PORT)');
    command.action(async (flags: { port?: string }) => {
      const { http, ...config } = await configOf(cli);
      const port = flags.port === undefined ? http.port : portNumber(flags.port);
      requireDatabase({ ...config, http });
      const log = await cli.services.createLog({ ...config, http }, {});
      cli.exit = await cli.services.runRole(role, { ...config, http: { ...http, port } }, log);
    });
  }
  program
    .command('simulate')
    .description('run the Telnyx simulator on this machine')
    .option('--port <port>', 'where to listen; 0 for any free port', '4010')
    .option('--numbers <count>', 'numbers on sale', '20000')
    .option('--owned <count>', 'numbers that the account owns at the start', '5000')
    .option('--seed <number>', 'the same seed gives the same numbers', '1')
    .option('--faults <file>', 'JSON with faults to set')
    .action(async (flags: SimulateFlags) => (await import('../actions/simulate.ts')).simulate(cli, flags));
}

async function migrate(cli: Cli): Promise<void> {
  const config = await configOf(cli);
  requireDatabase(config);
  if (config.database.url !== null) return cli.services.migrate(config.database.url.reveal());
  // Opening the embedded Postgres also applies the migrations.
  await withProducer(cli, async () => undefined);
}
