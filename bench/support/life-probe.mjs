// Loaded into a command by `--import`: writes memory, handles and event-loop delay of the process to BENCH_PROBE_FILE every second.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
setInterval(() => {
  const { rss, heapUsed } = process.memoryUsage();
  const handles = process.getActiveResourcesInfo().length;
  writeFileSync(process.env.BENCH_PROBE_FILE, JSON.stringify({ rss, heapUsed, handles, delayMs: delay.percentile(50) / 1e6 }));
}, 1_000).unref();
