import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runCli } from '../../src/cli/run.ts';
import type { Services } from '../../src/cli/services.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { createProvisioner } from '../../src/index.ts';
import { requestBody } from '../../src/producers/intake/validate.ts';
import { testIo } from '../support/cli-runs.ts';
import { ROOT } from '../support/sources.ts';

// Every block of shell in the pages below is marked `sh`, and every line of it is checked here: the npm script exists, the
// command and its flags are accepted, the variable is one that is read. `.ci/run` runs the demo and the tests themselves.

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const READMES = ['README.md', 'bench/README.md', 'test/walk/README.md', 'test/chaos/README.md'];
const PAGES = [...READMES, 'CONTRIBUTING.md', ...inFolder('docs'), ...inFolder('docs/decisions')].filter((p) =>
  p.endsWith('.md'),
);

function inFolder(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`);
}

/** The fenced blocks of a page, with their marks. */
function blocksOf(page: string): { mark: string; lines: string[] }[] {
  return [...text(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((m) => ({
    mark: m[1] ?? '',
    lines: (m[2] ?? '').split('\n'),
  }));
}

/** The words of a shell line, without its comment and its redirection. */
function wordsOf(line: string): string[] {
  const bare = line.replace(/(^|\s)#.*$/, '').replace(/\s>.*$/, '');
  return [...bare.matchAll(/(?:"[^"]*"|[^\s"])+/g)].map((m) => m[0].replaceAll('"', ''));
}

const shellLines = PAGES.flatMap((page) =>
  blocksOf(page).flatMap((b) =>
    b.mark === 'sh' ? b.lines.filter((l) => wordsOf(l).length > 0).map((line) => ({ page, line })) : [],
  ),
);
const commands = shellLines.filter(({ line }) => wordsOf(line)[0] === 'provisioner');
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(text('package.json')));

const folder = mkdtempSync(join(tmpdir(), 'provisioner-readme-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A command got as far as its configuration: its flags and its values were accepted. */
const REACHED = 'the flags were accepted';

/** Runs a line up to the moment where it would open anything; says what it was told. */
async function dryRun(line: string): Promise<string> {
  const [, ...words] = wordsOf(line);
  const args = words.map((word, i) =>
    ['--numbers', '--faults'].includes(words[i - 1] ?? '') && !/^\d+$/.test(word) ? someFile(word) : word,
  );
  const { io, err } = testIo();
  const reached = async (): Promise<never> => {
    throw new Error(REACHED);
  };
  const services: Services = {
    loadConfig: reached,
    createLog: reached,
    openProducer: reached,
    runRole: reached,
    migrate: reached,
    startSimulator: reached,
  };
  await runCli(args, io, services);
  return err();
}

function someFile(name: string): string {
  if (name === '-') return name;
  const path = join(folder, name);
  writeFileSync(path, '[]');
  return path;
}

describe('README.md', () => {
  it('is short', () => {
    expect(text('README.md').split('\n').length - 1).toBeLessThanOrEqual(150);
  });

  it('shows the commands that .ci/run runs', () => {
    for (const command of ['npm run demo', 'npm test']) {
      expect(shellLines.map(({ line }) => wordsOf(line).join(' '))).toContain(command);
      expect(text('.ci/run')).toContain(command);
    }
    expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).not.toBe(0);
  });

  it('shows a body that the HTTP API accepts', () => {
    const bodies = blocksOf('README.md').filter((b) => b.mark === 'json');
    expect(bodies.length).toBeGreaterThan(0);
    for (const { lines } of bodies) expect(requestBody.safeParse(JSON.parse(lines.join('\n'))).error).toBeUndefined();
  });

  it('names only methods that the library has', () => {
    const library = createProvisioner({ databaseUrl: 'postgres://localhost/none' });
    const code = blocksOf('README.md').flatMap((b) => (b.mark === 'ts' ? b.lines : []));
    const called = [...code.join('\n').matchAll(/\bprovisioner\.(\w+)\(/g)].map((m) => m[1] ?? '');
    expect(called.length).toBeGreaterThan(0);
    expect(called.filter((name) => !Object.hasOwn(library, name))).toEqual([]);
  });
});

describe('the TypeScript of the pages', () => {
  const pages = PAGES.filter((page) => blocksOf(page).some((b) => b.mark === 'ts'));

  it('is there at all', () => expect(pages).toContain('README.md'));

  it.each(pages)(
    '%s compiles under the strictest settings',
    (page) => {
      const home = mkdtempSync(join(folder, 'ts-'));
      const code = blocksOf(page).flatMap((b) => (b.mark === 'ts' ? b.lines : []));
      writeFileSync(join(home, 'example.mts'), code.join('\n'));
      const compilerOptions = {
        paths: { provisioner: [join(ROOT, 'src/index.ts')] },
        typeRoots: [join(ROOT, 'node_modules/@types')],
        // An example may name a result that it does not use.
        noUnusedLocals: false,
      };
      const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['example.mts'] };
      writeFileSync(join(home, 'tsconfig.json'), JSON.stringify(config));
      const compiler = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', home];
      const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' });
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    },
    60_000,
  );
});

describe('the pages', () => {
  it('mark every block of code, and shell as sh', () => {
    const marks = PAGES.flatMap((page) => blocksOf(page).map((b) => `${page}: ${b.mark}`));
    expect(marks.filter((m) => !/: (sh|ts|json|mermaid|text|sql)$/.test(m))).toEqual([]);
  });

  it.each(commands)('$page: $line', async ({ line }) => {
    expect(await dryRun(line)).toContain(REACHED);
  });

  it('are seen by this test at all', async () => {
    expect(commands.length).toBeGreaterThan(20);
    expect(await dryRun('provisioner buy --nonsense 1 --yes')).not.toContain(REACHED);
    expect(await dryRun('provisioner buy --ndc 312=0 --yes')).not.toContain(REACHED);
    expect(await dryRun('provisioner delete --where tag=a --yes')).not.toContain(REACHED);
    expect(await dryRun('provisioner nonsense')).not.toContain(REACHED);
  });

  it('name npm scripts that exist', () => {
    const named = PAGES.flatMap((page) => [...text(page).matchAll(/npm run (?:-s )?([\w:]+)/g)].map((m) => m[1] ?? ''));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it('describe every npm script in CONTRIBUTING.md, a line each', () => {
    const described = shellLines.flatMap(({ page, line }) =>
      page === 'CONTRIBUTING.md' && /\s# \S/.test(line) ? (/^npm (?:run )?([\w:]+)/.exec(line)?.[1] ?? []) : [],
    );
    expect(Object.keys(scripts).filter((name) => !described.includes(name))).toEqual([]);
  });

  it('name variables that are read', () => {
    const named = PAGES.flatMap((page) => text(page).match(/\bPROVISIONER_[A-Z_]+\b/g) ?? []);
    const set = shellLines.flatMap(({ line }) => (wordsOf(line)[0] === 'export' ? [wordsOf(line)[1]?.split('=')[0] ?? ''] : []));
    expect([...named, ...set].filter((name) => !Object.hasOwn(VARIABLES, name))).toEqual([]);
  });

  it('use no other program than these', () => {
    const programs = new Set(shellLines.map(({ line }) => wordsOf(line)[0]));
    const known = [
      'npm',
      'node',
      'provisioner',
      'provisioner()',
      'export',
      'cp',
      'docker',
      'git',
      'cd',
      'redis-cli',
      'pg_dump',
      'pg_restore',
    ];
    expect([...programs].filter((p) => !known.includes(p ?? ''))).toEqual([]);
  });

  it('link only to pages that are there, and name only files that are there', () => {
    const missing = PAGES.flatMap((page) => {
      const links = [...text(page).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map((m) => join(dirname(page), m[1] ?? ''));
      const files = [...text(page).matchAll(/`((?:src|test|docs|scripts|bench|\.ci)\/[\w./-]+)`/g)].map((m) => m[1] ?? '');
      return [...links, ...files].filter((path) => !existsSync(join(ROOT, path))).map((path) => `${page}: ${path}`);
    });
    expect(missing).toEqual([]);
  });
});
