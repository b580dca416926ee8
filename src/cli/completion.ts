import type { Command, Option } from 'commander';
import { commandsOf } from './examples.ts';
import type { Shell } from './shells.ts';

/** A command as a shell completes it. Everything is read from the commands themselves, so that a new one is never forgotten. */
interface Completed {
  /** Its words, such as `account reopen`. */
  words: string;
  about: string;
  options: { flag: string; about: string; takes: 'nothing' | 'text' | 'file' | readonly string[] }[];
  /** The values of its arguments that are known, and its subcommands. */
  values: { word: string; about: string }[];
}

/** Options whose value is the name of a file. */
const FILES: ReadonlySet<string> = new Set(['--numbers', '--faults']);

/** Returns the completion script of a shell: commands, options, and the values of options that have a list of them. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = commandsOf(program).map(({ name, command }) => completed(name, command));
  const first = program.commands.map((command) => ({ word: command.name(), about: command.description() }));
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](first, commands);
}

function completed(words: string, command: Command): Completed {
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  return {
    words,
    about: command.description(),
    options: command.options.flatMap((option) =>
      option.long == null ? [] : [{ flag: option.long, about: option.description, takes: takes(option) }],
    ),
    values: [
      ...choices.map((word) => ({ word, about: '' })),
      ...command.commands.map((sub) => ({ word: sub.name(), about: sub.description() })),
    ],
  };
}

function takes(option: Option): Completed['options'][number]['takes'] {
  if (!option.required && !option.optional) return 'nothing';
  if (option.argChoices !== undefined) return option.argChoices;
  return FILES.has(option.long ?? '') ? 'file' : 'text';
}

type Words = Completed['values'];
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const listed = (words: readonly string[]): string => quoted(words.join(' '));

/** In bash and zsh: what follows an option that takes a value. `act` writes the line for its kind of value. */
function afterOption(commands: readonly Completed[], act: (takes: 'text' | 'file' | readonly string[]) => string): string[] {
  return commands.flatMap(({ words, options }) =>
    options.flatMap(({ flag, takes: value }) =>
      value === 'nothing' ? [] : [`    ${quoted(`${words} ${flag}`)}) ${act(value)}; return ;;`],
    ),
  );
}

function bashScript(first: Words, commands: readonly Completed[]): string {
  const value = (of: 'text' | 'file' | readonly string[]) => {
    if (of === 'text') return ':';
    return of === 'file' ? 'COMPREPLY=($(compgen -f -- "$cur"))' : `COMPREPLY=($(compgen -W ${listed(of)} -- "$cur"))`;
  };
  const subs = commands.filter(({ words }) => words.includes(' '));
  return [
    '# bash completion of provisioner',
    '_provisioner() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}',
    '  COMPREPLY=()',
    `  if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W ${listed(first.map((f) => f.word))} -- "$cur")); return; fi`,
    ...subs.map(({ words }) => {
      const [outer = '', inner = ''] = words.split(' ');
      return `  if ((COMP_CWORD > 2)) && [[ $command == ${outer} && \${COMP_WORDS[2]} == ${inner} ]]; then command='${words}'; fi`;
    }),
    '  case "$command $prev" in',
    ...afterOption(commands, value),
    '  esac',
    '  case "$command" in',
    ...commands.map(
      ({ words, options, values }) =>
        `    ${quoted(words)}) COMPREPLY=($(compgen -W ${listed([...values.map((v) => v.word), ...options.map((o) => o.flag), '--help'])} -- "$cur")) ;;`,
    ),
    '  esac',
    '}',
    'complete -F _provisioner provisioner',
  ].join('\n');
}

function zshScript(first: Words, commands: readonly Completed[]): string {
  const entry = (word: string, about: string) => quoted(`${word.replaceAll(':', '\\:')}:${about}`);
  const value = (of: 'text' | 'file' | readonly string[]) => {
    if (of === 'text') return ':';
    return of === 'file' ? '_files' : `compadd -- ${of.map(quoted).join(' ')}`;
  };
  const subs = commands.filter(({ words }) => words.includes(' '));
  return [
    '#compdef provisioner',
    '_provisioner() {',
    '  local command=$words[2]',
    '  local -a found',
    `  if ((CURRENT == 2)); then found=(${first.map((f) => entry(f.word, f.about)).join(' ')}); _describe command found; return; fi`,
    ...subs.map(({ words }) => {
      const [outer = '', inner = ''] = words.split(' ');
      return `  if ((CURRENT > 3)) && [[ $command == ${outer} && $words[3] == ${inner} ]]; then command='${words}'; fi`;
    }),
    '  case "$command $words[CURRENT-1]" in',
    ...afterOption(commands, value),
    '  esac',
    '  case "$command" in',
    ...commands.map(
      ({ words, options, values }) =>
        `    ${quoted(words)}) found=(${[...values.map((v) => entry(v.word, v.about)), ...options.map((o) => entry(o.flag, o.about))].join(' ')}) ;;`,
    ),
    '  esac',
    '  _describe value found',
    '}',
    'compdef _provisioner provisioner',
  ].join('\n');
}

function fishScript(first: Words, commands: readonly Completed[]): string {
  const begin = 'complete -c provisioner';
  const about = (text: string) => (text === '' ? '' : ` -d ${quoted(text)}`);
  const lines = commands.flatMap(({ words, options, values }) => {
    const inside = words
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    return [
      ...values.map((v) => `${begin} -f -n ${quoted(inside)} -a ${quoted(v.word)}${about(v.about)}`),
      ...options.map(({ flag, about: text, takes: of }) => {
        const value = of === 'nothing' ? '' : of === 'file' ? ' -r -F' : of === 'text' ? ' -x' : ` -x -a ${listed(of)}`;
        return `${begin} -n ${quoted(inside)} -l ${flag.slice(2)}${value}${about(text)}`;
      }),
    ];
  });
  return [
    '# fish completion of provisioner',
    `${begin} -f`,
    ...first.map((f) => `${begin} -n __fish_use_subcommand -a ${quoted(f.word)}${about(f.about)}`),
    ...lines,
  ].join('\n');
}
