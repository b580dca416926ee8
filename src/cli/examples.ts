import type { Command } from 'commander';

/** Examples of each command, by its words. Every command has one: a test holds it, and that each is accepted. */
export const EXAMPLES: { readonly [command: string]: readonly string[] } = {
  buy: [
    'provisioner buy --ndc 312=200 --feature sms --tag launch --max-upfront 250 --max-monthly 250',
    'provisioner buy --state TX=50 --city "Chicago,IL=20" --fallback best-effort --yes --wait',
    'provisioner buy --numbers wanted.csv --connection-id 1293384261075731499',
    'provisioner buy --ndc 312=200 --fallback ndc:773,872 --max-monthly 250 --plan',
    'provisioner buy --ndc 312=200 --canary 20 --stop-above 5% --start-at 2026-12-01T06:00:00Z --yes',
  ],
  update: [
    'provisioner update --where tag=launch --set connection_id=1293384261075731500 --set add_tags=live',
    'provisioner update --numbers trunks.csv --columns connection_id,tags --yes --wait',
    'provisioner update --where tag=launch --set connection_id=1293384261075731500 --plan',
  ],
  delete: [
    'provisioner delete --numbers old.csv --expect 300',
    'provisioner delete --numbers old.csv --expect 300 --plan',
    'provisioner delete --where tag=old --expect 12 --skip-gone --yes --wait --timeout 30m',
  ],
  requests: ['provisioner requests --status waiting', 'provisioner requests --kind buy --limit 10 --json'],
  request: ['provisioner request 5775ccf8', 'provisioner request 5775ccf8 --items failed'],
  history: ['provisioner history 5775ccf8'],
  watch: ['provisioner watch 5775ccf8 --timeout 10m'],
  export: ['provisioner export 5775ccf8 > result.csv'],
  search: [
    'provisioner search --ndc 312 --ndc 773 --feature sms',
    'provisioner search --city "Chicago,IL" --starts-with 555 --json',
  ],
  apply: ['provisioner apply 3f9a1c2e --wait', 'provisioner apply 3f9a1c2e --allow-changes --yes'],
  pause: ['provisioner pause 5775ccf8 --yes'],
  resume: ['provisioner resume 5775ccf8 --yes'],
  undo: ['provisioner undo 5775ccf8 --plan', 'provisioner undo 5775ccf8 --yes'],
  webhooks: ['provisioner webhooks'],
  cancel: ['provisioner cancel 5775ccf8 --yes'],
  approve: ['provisioner approve 5775ccf8'],
  retry: ['provisioner retry 5775ccf8'],
  resolve: [
    'provisioner resolve 5775ccf8 --chunk 47b931e8 --adopt 0f4b8c0a-6f2c-4f0e-9f8e-2d0a1d2f3b4c',
    'provisioner resolve 5775ccf8 --chunk 47b931e8 --not-sent',
  ],
  reconcile: ['provisioner reconcile', 'provisioner reconcile --repair --yes'],
  runs: ['provisioner runs --limit 5'],
  run: ['provisioner run 47b931e8', 'provisioner run 47b931e8 --csv > drift.csv'],
  repair: ['provisioner repair 47b931e8 --only connection_id'],
  accept: ['provisioner accept 47b931e8 --only tags --numbers these.csv --yes'],
  inventory: [
    'provisioner inventory --where tag=launch --where connection_id=1293384261075731499',
    'provisioner inventory --summary',
    'provisioner inventory --csv > numbers.csv',
  ],
  number: ['provisioner number +13125550100'],
  account: ['provisioner account --json'],
  'account reopen': ['provisioner account reopen'],
  migrate: ['provisioner migrate'],
  worker: ['provisioner worker'],
  serve: ['provisioner serve --port 8081'],
  up: ['provisioner up', 'provisioner up --port 0'],
  simulate: ['provisioner simulate --port 4010 --numbers 20000 --owned 5000'],
  doctor: ['provisioner doctor'],
  completion: [
    'provisioner completion bash > /etc/bash_completion.d/provisioner',
    'provisioner completion zsh > ~/.zfunc/_provisioner',
    'provisioner completion fish > ~/.config/fish/completions/provisioner.fish',
  ],
};

/** Adds the examples to the help of every command. */
export function addExamples(program: Command): void {
  for (const { name, command } of commandsOf(program)) {
    const lines = EXAMPLES[name] ?? [];
    if (lines.length > 0) command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** All commands with the words that call them, such as `account reopen`. */
export function commandsOf(program: Command, before = ''): { name: string; command: Command }[] {
  return program.commands.flatMap((command) => {
    const name = `${before}${command.name()}`;
    return [{ name, command }, ...commandsOf(command, `${name} `)];
  });
}
