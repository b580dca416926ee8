import type { Command } from 'commander';
import { digitsOfPart, type IdPrefix } from '../domain/id-part.ts';
import { type Cli, keepProducer } from './cli.ts';

/** What the arguments and options of these names stand for. A command that uses one of them takes short ids without more. */
const NAMES: Readonly<Partial<Record<string, IdPrefix>>> = { id: 'req', run: 'run', chunk: 'chk', plan: 'plan' };

/** A place where a command was given an id. */
interface Place {
  given: string;
  prefix: IdPrefix;
  put(id: string): void;
}

/** Makes every command take a unique beginning or end of an id in place of the whole one. This is the only place that does it. */
export function takeShortIds(program: Command, cli: Cli): void {
  program.hook('preAction', async (_program, command) => {
    const short = placesOf(command).filter(({ given, prefix }) => digitsOfPart(given, prefix) !== null);
    if (short.length === 0) return;
    // Loaded with the database only when it is needed.
    const [{ deps }, { wholeId }] = await Promise.all([keepProducer(cli), import('../producers/read/whole-id.ts')]);
    for (const { given, prefix, put } of short) put(await wholeId(deps.db, given, prefix));
  });
}

function placesOf(command: Command): Place[] {
  // The action gets this array as it is after the hook.
  const values: unknown[] = command.processedArgs;
  const args = command.registeredArguments.map((argument, i) =>
    placeOf(argument.name(), values[i], (id) => {
      values[i] = id;
    }),
  );
  const options = command.options.map((option) => {
    const name = option.attributeName();
    return placeOf(name, command.getOptionValue(name), (id) => command.setOptionValue(name, id));
  });
  return [...args, ...options].filter((place) => place !== null);
}

function placeOf(name: string, given: unknown, put: (id: string) => void): Place | null {
  const prefix = NAMES[name];
  return prefix === undefined || typeof given !== 'string' ? null : { given, prefix, put };
}
