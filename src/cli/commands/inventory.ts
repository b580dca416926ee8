import type { Command } from 'commander';
import type { InventoryFlags } from '../actions/inventory.ts';
import type { Cli } from '../cli.ts';
import { many } from './many.ts';

/** Registers `inventory` and `number`. */
export function registerInventory(program: Command, cli: Cli): void {
  program
    .command('inventory')
    .description('list the numbers of the inventory')
    .option('--where <key=value>', 'only numbers that match, such as tag=solar; repeatable', many, [])
    .option('--limit <count>', 'how many numbers, at most 500', '100')
    .option('--cursor <cursor>', 'continue after the previous list')
    .option('--summary', 'count the numbers and their monthly cost, by area code and by tag')
    .option('--csv', 'print all numbers as CSV')
    .option('--json', 'print JSON')
    .action(async (flags: InventoryFlags) => (await import('../actions/inventory.ts')).inventory(cli, flags));
  program
    .command('number')
    .description('show one number with its history')
    .argument('<e164>', 'such as +13125550100')
    .option('--json', 'print JSON')
    .action(async (number: string, flags: { json?: boolean }) =>
      (await import('../actions/inventory.ts')).showNumber(cli, number, flags.json),
    );
}
