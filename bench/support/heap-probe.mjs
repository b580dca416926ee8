// Loaded into a command by `--import`: notes the largest heap in use and writes it to BENCH_HEAP_FILE at the end.
import { writeFileSync } from 'node:fs';

let peak = 0;
const read = () => {
  const { heapUsed, external } = process.memoryUsage();
  peak = Math.max(peak, heapUsed + external);
};
setInterval(read, 10).unref();
process.on('exit', () => {
  read();
  writeFileSync(process.env.BENCH_HEAP_FILE, String(peak));
});
