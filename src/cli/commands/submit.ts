import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { BuyFlags, DeleteFlags, UpdateFlags } from '../flags.ts';
import type { SubmitFlags } from '../submit.ts';
import { many } from './many.ts';

const COLUMN = 'the column with the numbers (phone_number)';
const COLUMNS = 'settings whose values stand in columns of the file, row by row: connection_id,tags or connection_id=Trunk';
const COUNTRY = 'the country of numbers in the file that have no +';

/** Reading a body loads all schemas of bodies, so it is imported only by a command that submits. */
const submitting = () => Promise.all([import('../submit.ts'), import('../flags.ts')]);

/** Registers `buy`, `update` and `delete`. */
export function registerSubmit(program: Command, cli: Cli): void {
  registerBuy(program, cli);
  registerUpdate(program, cli);
  registerDelete(program, cli);
}

function registerBuy(program: Command, cli: Cli): void {
  const command = program
    .command('buy')
    .description('buy numbers by area code, state, city, or from a list')
    .option('--ndc <code=count>', 'how many in an area code, such as 312=200; repeatable', many, [])
    .option('--state <state=count>', 'how many in a state or province, such as TX=50; repeatable', many, [])
    .option('--city <city=count>', 'how many in a city, such as "Chicago,IL=20"; repeatable', many, [])
    .option('--toll-free <count>', 'so many toll-free numbers')
    .option('--numbers <file>', 'exactly these numbers: CSV with a phone_number column, or one number a line; - is stdin')
    .option('--country <code>', 'country of the numbers (US), also of those in the file that have no +')
    .option('--column <name>', COLUMN)
    .option('--feature <name>', 'only numbers with this feature, such as sms; repeatable', many, [])
    .option('--rate-center <name>', 'only numbers of this rate center (US and Canada; not for toll-free numbers)')
    .option('--quickship', 'only toll-free numbers that work at once (the default for those of the US)')
    .option('--no-quickship', 'also toll-free numbers that may take two business days to work')
    .option('--exclude-held', 'leave out numbers that are on hold or reserved for this account')
    .option('--fallback <rule>', 'where to search when an area is empty: none, ndc:773,872 or best-effort', 'none')
    .option('--connection-id <id>', 'attach to a voice connection')
    .option('--messaging-profile-id <id>', 'attach to a messaging profile')
    .option('--billing-group-id <id>', 'assign to a billing group')
    .option('--requirement-group-id <id>', 'the requirement group with the paperwork of all these numbers')
    .option('--tag <tag>', 'tag the numbers; repeatable', many, [])
    .option('--max-upfront <amount>', 'spend at most this upfront')
    .option('--max-monthly <amount>', 'spend at most this a month')
    .option('--max-number-cost <amount>', 'the highest price of one number, upfront or monthly')
    .option('--reserve', 'reserve the numbers before they are ordered')
    .option('--all-or-nothing', 'order nothing before every number is claimed within the budget')
    .option('--label <text>', 'a name for people');
  withSubmitFlags(withHolds(command)).action(async (flags: BuyFlags & SubmitFlags) => {
    const [{ submit }, { buyBody }] = await submitting();
    cli.exit = await submit(cli, 'buy', () => buyBody(flags), flags);
  });
}

function registerUpdate(program: Command, cli: Cli): void {
  const command = program
    .command('update')
    .description('change settings of numbers that you own')
    .option('--numbers <file>', 'these numbers: CSV with a phone_number column, or one number a line; - is stdin')
    .option('--column <name>', COLUMN)
    .option('--country <code>', COUNTRY)
    .option('--columns <settings>', COLUMNS)
    .option('--where <key=value>', 'the numbers of the inventory that match, such as tag=solar; repeatable', many, [])
    .option(
      '--set <key=value>',
      'what to change, such as connection_id=… or add_tags=a,b or voice.<field>=…; repeatable',
      many,
      [],
    )
    .option('--label <text>', 'a name for people');
  withSubmitFlags(withHolds(command)).action(async (flags: UpdateFlags & SubmitFlags) => {
    const [{ submit }, { updateBody }] = await submitting();
    cli.exit = await submit(cli, 'update', () => updateBody(flags), flags);
  });
}

function registerDelete(program: Command, cli: Cli): void {
  const command = program
    .command('delete')
    .description('release numbers')
    .option('--numbers <file>', 'these numbers: CSV with a phone_number column, or one number a line; - is stdin')
    .option('--column <name>', COLUMN)
    .option('--country <code>', COUNTRY)
    .option('--where <key=value>', 'the numbers of the inventory that match, such as tag=old; repeatable', many, [])
    .requiredOption('--expect <count>', 'how many numbers you expect; any other count is refused')
    .option('--include-locked', 'also release numbers with a deletion lock')
    .option('--include-emergency', 'also release numbers with emergency calling')
    .option('--skip-gone', 'skip numbers that have already left the account; --expect counts them too')
    .option('--label <text>', 'a name for people');
  withSubmitFlags(command).action(async (flags: DeleteFlags & SubmitFlags) => {
    const [{ submit }, { deleteBody }] = await submitting();
    cli.exit = await submit(cli, 'delete', () => deleteBody(flags), flags);
  });
}

/** Adds the flags that hold back what a buy or an update sends. */
function withHolds(command: Command): Command {
  return command
    .option('--start-at <moment>', 'send nothing before this moment, such as 2026-12-01T06:00:00Z')
    .option('--canary <count>', 'do so many numbers first, read them back, and go on only when all are right')
    .option('--stop-above <share>', 'pause when more than this share of the ended numbers has failed, such as 5%');
}

/** Adds these flags to a command. */
function withSubmitFlags(command: Command): Command {
  return command
    .option('--plan', 'search, price and count without changing anything; the plan can be applied for 24 hours')
    .option('--detailed-exitcode', 'with --plan: exit code 8 when something would change')
    .option('--wait', 'wait until the request has ended')
    .option('--timeout <duration>', 'how long --wait waits, such as 90s, 10m or 1h (default: 10m)')
    .option('--idempotency-key <key>', 'a request with the same key is accepted only once')
    .option('--yes', 'do not ask')
    .option('--json', 'print the request as JSON');
}
