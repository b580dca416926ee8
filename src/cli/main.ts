#!/usr/bin/env node
import { surviveLostWrites } from '../db/lost-write.ts';
import { EXIT } from './exit-table.ts';
import { processIo } from './io.ts';
import { runCli } from './run.ts';
import { realServices } from './services.ts';

surviveLostWrites();

// `provisioner export ID | head` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

const code = await runCli(process.argv.slice(2), processIo(), realServices);
// What is written must be out before the process ends; a pipe that is read slowly takes its time.
await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
await new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
process.exit(code);
