#!/usr/bin/env node
import { surviveLostWrites } from '../db/lost-write.ts';
import { EXIT } from './exit-table.ts';
import { processIo } from './io.ts';
import { runCli } from './run.ts';
import { realServices } from './services.ts';

surviveLostWrites();

// The reader may close the pipe early, as in `provisioner export ID | head`. This is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

const code = await runCli(process.argv.slice(2), processIo(), realServices);
// All output must be written before the process ends, also to a pipe with a slow reader.
await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
await new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
process.exit(code);
