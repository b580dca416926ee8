// Loaded into a command by `--import`: writes memory, handles and event-loop delay of the process to BENCH_PROBE_FILE every second.
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
setInterval(() => {
  const { rss, heapUsed } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().length;
  // Renamed, so that a reader never sees half a line.
  const file = process.env.BENCH_PROBE_FILE;
  writeFileSync(`${file}.new`, JSON.stringify({ rss, heapUsed, handles, delayMs: delay.percentile(50) / 1e6 }));
  renameSync(`${file}.new`, file);
}, 1_000).unref();
