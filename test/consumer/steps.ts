import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Env = Readonly<Record<string, string>>;

/** What the commands of one check share: a folder, and what is said about each step. */
export interface Steps {
  /** Runs a command in the folder and returns what it printed. Errors: another exit code, or the time is over. */
  run(what: string, command: readonly [string, ...string[]], env?: Env): Promise<string>;
  /** Starts a command that runs until `stop`, and waits until it has printed the pattern. Returns the match. */
  serve(what: string, command: readonly [string, ...string[]], until: RegExp, env?: Env): Promise<RegExpExecArray>;
  /** Ends what `serve` started. */
  stop(): Promise<void>;
}

const LONGEST_MS = 240_000;

export function stepsIn(folder: string): Steps {
  const servers: ChildProcess[] = [];
  const begin = ([program, ...args]: readonly [string, ...string[]], env: Env) =>
    spawn(program, args, { cwd: folder, env: { ...plainEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });

  return {
    run: async (what, command, env = {}) => {
      const from = Date.now();
      const child = begin(command, env);
      let printed = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (printed += bytes.toString()));
      const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
      const code = await ended(child);
      clearTimeout(timer);
      if (code !== 0) throw new Error(`${what}: ${command.join(' ')} ended with ${code}\n${printed}`);
      process.stdout.write(`ok  ${what} (${((Date.now() - from) / 1_000).toFixed(1)} s)\n`);
      return printed;
    },
    serve: async (what, command, until, env = {}) => {
      const child = begin(command, env);
      servers.push(child);
      const path = join(folder, `${servers.length}.log`);
      const file = createWriteStream(path);
      return new Promise((resolve, reject) => {
        let printed = '';
        const timer = setTimeout(() => reject(new Error(`${what} did not begin:\n${readFileSync(path, 'utf8')}`)), 60_000);
        const read = (bytes: Buffer): void => {
          file.write(bytes);
          printed += bytes.toString();
          const found = until.exec(printed);
          if (found === null) return;
          clearTimeout(timer);
          resolve(found);
        };
        for (const stream of [child.stdout, child.stderr]) stream.on('data', read);
        child.once('exit', (code) => reject(new Error(`${what} ended with ${code}:\n${printed}`)));
      });
    },
    stop: async () => {
      const left = servers.splice(0).filter((child) => child.exitCode === null && child.signalCode === null);
      for (const child of left) child.kill('SIGTERM');
      await Promise.all(left.map(ended));
    },
  };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/** No variable of ours, and none by which npm would tell its child about this project. */
function plainEnvironment(): Record<string, string> {
  const ours = /^(?:npm_|INIT_CWD|NODE_|DATABASE_URL|REDIS_URL|TELNYX_|PROVISIONER_|LOG_)/;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined || ours.test(name) ? [] : [[name, value]])),
  );
}
