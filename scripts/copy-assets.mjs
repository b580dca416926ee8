// tsc copies no .sql files: the migrations are shipped beside the compiled code.
import { chmodSync, cpSync } from 'node:fs';

cpSync('src/db/migrations', 'dist/db/migrations', { recursive: true });
chmodSync('dist/cli/main.js', 0o755);
