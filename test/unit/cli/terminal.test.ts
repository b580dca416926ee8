import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createCli } from '../../../src/cli/cli.ts';
import { commandsOf, EXAMPLES } from '../../../src/cli/examples.ts';
import { painter, pairs, table, widthOf } from '../../../src/cli/output.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { paceText } from '../../../src/cli/progress.ts';
import { settingPairs } from '../../../src/cli/request-words.ts';
import { runCli } from '../../../src/cli/run.ts';
import { idText, timeText } from '../../../src/cli/short.ts';
import { testIo, testServices } from '../../support/cli-runs.ts';

const narrow = painter(false, 80);
const piped = painter(false);
const ID = 'req_01a2221720c476a8892f42a460f6fb79';

describe('on a terminal of 80 columns', () => {
  const long = 'a reason that is long enough to need more than one line on any terminal that people use';
  const columns = [{ title: 'label', fit: 'cut' as const }, 'id', 'empty', { title: 'why', fit: 'fold' as const }];
  const rows = [['Chicago '.repeat(6).trim(), ID, '', long]];

  it('no row of a table is wider, nothing of a folded text is lost, and an empty column is left out', () => {
    const lines = table(columns, rows, narrow).split('\n');
    expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
    expect(lines[0]).toMatch(/^label +id +why$/);
    expect(lines[1]).toMatch(/^Chicago.*… +req_/);
    expect(
      lines
        .slice(1)
        .map((line) => line.slice(line.lastIndexOf('  ')).trim())
        .join(' '),
    ).toBe(long);
  });

  it('a long value goes on below its beginning', () => {
    const lines = pairs([['error', long]], narrow).split('\n');
    expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
    expect(lines[1]).toMatch(/^ {7}\S/);
  });

  it('a pipe gets whole rows, whole ids and exact times', () => {
    expect(table(columns, rows, piped).split('\n')[1]).toContain(long);
    expect([idText(ID, piped), idText(ID, narrow)]).toEqual([ID, '60f6fb79']);
    const at = '2026-11-28T12:00:00.000Z';
    const after = (ms: number) => timeText(at, narrow, Date.parse(at) + ms);
    expect(timeText(at, piped)).toBe(at);
    expect([0, 5_000, 125_000, 7_200_000, -90_000, 40 * 86_400_000].map(after)).toEqual([
      ...['just now', '5 s ago', '2 min ago', '2 h ago', 'in 1 min', '2026-11-28'],
    ]);
  });
});

it('progress tells the time, the rate and the rest', () => {
  expect([paceText(500, 5, 5), paceText(10_000, 0, 50), paceText(10_000, 20, 50), paceText(120_000, 4_000, 0)]).toEqual([
    ...['', '10.0 s', '10.0 s, 2.0/s, about 25.0 s left', '2 min 00 s, 33/s'],
  ]);
});

it('what replaces or takes away says so, and a new number has nothing to replace', () => {
  const set = {
    tags: ['a', 'b'],
    messaging_profile_id: '',
    emergency_address_id: null,
    voice: { call_recording: { inbound: true } },
  };
  expect(settingPairs(set, 'ours')).toEqual([
    ['tags', 'a, b (replaces all tags)'],
    ['messaging profile', 'none (takes the messaging profile away)'],
    ['emergency address', 'none (switches emergency calling off)'],
    ['voice.call_recording.inbound', 'yes'],
  ]);
  expect(settingPairs({ tags: ['a'] }, 'new')).toEqual([['tags', 'a']]);
});

describe('the help', () => {
  const program = createProgram(createCli(testIo().io, testServices()));

  it('of every command has examples, and no example is of another command', async () => {
    const names = commandsOf(program).map(({ name }) => name);
    expect(Object.keys(EXAMPLES).toSorted()).toEqual(names.toSorted());
    for (const [name, lines] of Object.entries(EXAMPLES)) {
      const { io, out } = testIo();
      expect(await runCli([...name.split(' '), '--help'], io, testServices())).toBe(0);
      expect(out()).toContain(`\nExamples:\n  ${lines[0]}\n`);
      for (const line of lines) expect(line).toMatch(new RegExp(`^provisioner ${name}( |$)`));
    }
  });

  const hintOf = async (argv: string[]) => {
    const { io, err } = testIo();
    expect(await runCli(argv, io, testServices())).toBe(2);
    return err().trim().split('\n').at(-1);
  };

  it('is named after a usage error', async () => {
    expect(await hintOf(['buy', '--colour', 'red'])).toBe('see `provisioner buy --help`');
    expect(await hintOf(['buy', '--ndc', '312', '--yes'])).toBe('see `provisioner buy --help`');
    expect(await hintOf(['account', 'reopen', '--colour'])).toBe('see `provisioner account reopen --help`');
    expect(await hintOf(['nonsense'])).toBe('see `provisioner --help`');
  });
});

describe('the completion script', () => {
  const script = async (shell: string) => {
    const { io, out } = testIo();
    expect(await runCli(['completion', shell], io, testServices())).toBe(0);
    return out();
  };

  it('of bash completes commands, subcommands, options and their values', async () => {
    const source = await script('bash');
    const completed = (...words: string[]) => {
      const typed = ['provisioner', ...words].map((word) => `'${word}'`).join(' ');
      const call = `${source}\nCOMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _provisioner; echo "\${COMPREPLY[@]}"`;
      const { status, stdout } = spawnSync('bash', ['-c', call], { encoding: 'utf8' });
      expect(status).toBe(0);
      return stdout.trim().split(' ');
    };
    expect(completed('rec')).toEqual(['reconcile']);
    expect(completed('account', 'reo')).toEqual(['reopen']);
    expect(completed('account', 'reopen', '--y')).toEqual(['--yes']);
    expect(completed('buy', '--fea')).toEqual(['--feature']);
    expect(completed('requests', '--status', 'needs')).toEqual(['needs_attention']);
    expect(completed('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });

  it.each(['zsh', 'fish'])('of %s names every command and option', async (shell) => {
    const source = await script(shell);
    for (const { name, command } of commandsOf(createProgram(createCli(testIo().io, testServices())))) {
      expect(source).toContain(name.split(' ').at(-1));
      for (const option of command.options) expect(source).toContain(option.long?.slice(2));
    }
  });
});
