import { type Command, CommanderError } from 'commander';
import { countOfProblems, type ErrorDetail } from '../domain/errors.ts';
import { visible, visibleLines } from '../domain/text.ts';
import { createCli, jsonText, note, say } from './cli.ts';
import { type Failure, failureOf } from './exit-codes.ts';
import { EXIT } from './exit-table.ts';
import type { Io } from './io.ts';
import { plural } from './output.ts';
import { createProgram } from './program.ts';
import type { Services } from './services.ts';

/**
 * Runs one command and returns its exit code. It never throws and never ends the process. Errors go to stderr as text, or with
 * `--json` to stdout as the one JSON value.
 */
export async function runCli(argv: readonly string[], io: Io, services: Services): Promise<number> {
  const cli = createCli(io, services);
  const program = createProgram(cli);
  const json = argv.includes('--json');
  try {
    if (argv.length === 0) {
      io.stderr.write(program.helpInformation());
      return EXIT.usage;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return cli.exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const failure = failureOf(error);
    const scrubbed = (details: ErrorDetail[]) => details.map(({ path, message }) => ({ path, message: cli.scrub(message) }));
    if (json)
      await say(
        cli,
        jsonText({ error: { code: failure.code, message: cli.scrub(failure.message), details: scrubbed(failure.details) } }),
      );
    else note(cli, failureText(failure, io));
    if (failure.stack !== null && io.env['LOG_LEVEL'] === 'debug') note(cli, failure.stack);
    if (!json && isUsage(failure)) note(cli, `see \`${helpOf(program, argv)}\``);
    return failure.exit;
  } finally {
    await cli.kept?.close();
  }
}

/** True when the words of the command are wrong, and not what a file or the database holds. */
function isUsage({ code, details }: Failure): boolean {
  return code === 'usage' || (code === 'validation_failed' && details.some(({ path }) => path.startsWith('--')));
}

/** The call that prints the help of the command that these arguments name. */
function helpOf(program: Command, argv: readonly string[]): string {
  const names = [program.name()];
  let at = program;
  for (const word of argv) {
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    names.push(word);
    at = next;
  }
  return `${names.join(' ')} --help`;
}

function failureText(failure: Failure, io: Io): string {
  const head = io.paintErr('red', 'error');
  const more = failure.code === 'internal' ? ' (internal; LOG_LEVEL=debug shows more)' : '';
  // The message of a validation error repeats its details in one line.
  const isList = failure.details.length > 1 && failure.details.every((d) => failure.message.includes(d.message));
  const lines = failure.details
    .filter((d) => isList || !failure.message.includes(d.message))
    .map((d) => visible(`  ${d.path === '' ? '' : `${d.path}: `}${d.message}`));
  const said = isList ? `${plural(countOfProblems(failure.details), 'problem')}, and nothing was changed:` : failure.message;
  return [`${head} ${visibleLines(said)}${more}`, ...lines].join('\n');
}
