import type { Command } from 'commander';
import type { ApplyFlags, SearchFlags } from '../actions/plans.ts';
import type { Cli } from '../cli.ts';
import { many } from './many.ts';

/** Registers `search` and `apply`. */
export function registerPlans(program: Command, cli: Cli): void {
  const actions = () => import('../actions/plans.ts');
  program
    .command('search')
    .description('show what is on sale now, and at what price; buys nothing')
    .option('--ndc <code>', 'an area code, such as 312; repeatable', many, [])
    .option('--state <state>', 'a state or province, such as TX; repeatable', many, [])
    .option('--city <city>', 'a city, such as "Chicago,IL"; repeatable', many, [])
    .option('--toll-free', 'toll-free numbers')
    .option('--feature <name>', 'only numbers with this feature, such as sms; repeatable', many, [])
    .option('--country <code>', 'the country (US)')
    .option('--starts-with <digits>', 'the first digits after the area code, or after the country code without one')
    .option('--limit <count>', 'how many numbers of each area to show, at most 100', '20')
    .option('--json', 'print JSON')
    .action(async (flags: SearchFlags) => {
      cli.exit = await (await actions()).search(cli, flags);
    });
  program
    .command('apply')
    .description('do exactly what a stored plan says')
    .argument('<plan>', 'the plan that --plan printed, plan_...')
    .option('--allow-changes', 'go ahead without the numbers that are gone, and at the prices of now')
    .option('--wait', 'wait until the request has ended')
    .option('--timeout <duration>', 'how long --wait waits, such as 90s, 10m or 1h (default: 10m)')
    .option('--yes', 'do not ask')
    .option('--json', 'print the request as JSON')
    .action(async (id: string, flags: ApplyFlags) => {
      cli.exit = await (await actions()).apply(cli, id, flags);
    });
}
