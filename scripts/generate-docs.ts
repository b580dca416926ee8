// Writes the pages that are generated from code. With `--check` it writes nothing and fails when a page differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { configurationPage, envExample } from '../src/config/describe.ts';
import { guaranteesPage } from './guarantees.ts';
import { layerRules } from './layer-lint.ts';

const PAGES: [path: string, text: string][] = [
  ['docs/configuration.md', configurationPage()],
  ['.env.example', envExample()],
  ['biome.layers.json', layerRules()],
  ['docs/guarantees.md', guaranteesPage()],
];

const root = new URL('..', import.meta.url);
for (const [path, text] of PAGES) {
  const file = new URL(path, root);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`${path} is not what the code says; run: npm run docs:generate\n`);
    process.exitCode = 1;
  }
}
