// Writes the pages that are generated from code. With `--check` it writes nothing and fails when a page differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { configurationPage, envExample } from '../src/config/describe.ts';
import { badInputPage } from './bad-input.ts';
import { referencePage } from './codes-page.ts';
import { guaranteesPage } from './guarantees.ts';
import { layerRules } from './layer-lint.ts';
import { libraryTypes } from './library-types.ts';

/** Each page with what makes it from the text that it has now. */
const PAGES: [path: string, make: (now: string) => string | Promise<string>][] = [
  ['docs/configuration.md', configurationPage],
  ['.env.example', envExample],
  ['biome.layers.json', () => layerRules()],
  ['docs/reference.md', referencePage],
  ['docs/guarantees.md', () => guaranteesPage()],
  ['docs/bad-input.md', () => badInputPage()],
  ['src/library/types.ts', () => libraryTypes()],
];

const root = new URL('..', import.meta.url);
for (const [path, make] of PAGES) {
  const file = new URL(path, root);
  const now = readFileSync(file, 'utf8');
  const text = await make(now);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (now !== text) {
    process.stderr.write(`${path} is not what the code says; run: npm run docs:generate\n`);
    process.exitCode = 1;
  }
}
