import type { SingleBar } from 'cli-progress';
import { visibleLines } from '../domain/text.ts';
import type { RequestView } from '../producers/read/views.ts';
import type { Io } from './io.ts';
import { count } from './output.ts';

/** Shows the progress of a request on stderr. */
export interface Progress {
  show(view: RequestView): void;
  /** Writes a remark between two updates. */
  note(text: string): void;
  done(): void;
}

const LINE_EVERY_MS = 5_000;

/** Makes the display: a bar on a terminal, else a line after a change, at most every five seconds. */
export async function requestProgress(io: Io): Promise<Progress> {
  return io.live ? barProgress(io) : lineProgress(io);
}

async function barProgress(io: Io): Promise<Progress> {
  const { MultiBar, Presets } = await import('cli-progress');
  const bars = new MultiBar(
    {
      stream: barStream(io),
      format: `{bar} {percentage}%  {value}/{total}  {text}`,
      hideCursor: true,
      clearOnComplete: false,
      stopOnComplete: false,
      barsize: 30,
      // Progress comes from polling, so drawing more often would be wasted.
      fps: 5,
    },
    Presets.shades_classic,
  );
  let bar: SingleBar | null = null;
  return {
    show: (view) => {
      const payload = { text: `${io.paintErr('cyan', view.status)}  ${figures(view)}` };
      if (bar === null) bar = bars.create(view.counts.asked, settledOf(view), payload);
      else bar.update(settledOf(view), payload);
    },
    note: (text) => {
      bars.log(`${visibleLines(text)}\n`);
      bars.update();
    },
    done: () => {
      bars.update();
      bars.stop();
    },
  };
}

/** cli-progress needs Node's own stream type. Guarantee: `Io` has a terminal there when `live` is true. */
function barStream(io: Io): NodeJS.WritableStream {
  return io.stderr;
}

function lineProgress(io: Io): Progress {
  let last = '';
  let lastAt = 0;
  let held: string | null = null;
  const write = (text: string) => {
    io.stderr.write(`${text}\n`);
    held = null;
    last = text;
    lastAt = Date.now();
  };
  return {
    show: (view) => {
      const text = `${count(settledOf(view))}/${count(view.counts.asked)}  ${view.status}  ${figures(view)}`;
      if (text === last) return;
      if (Date.now() - lastAt >= LINE_EVERY_MS) write(text);
      else held = text;
    },
    note: (text) => io.stderr.write(`${visibleLines(text)}\n`),
    done: () => {
      if (held !== null) write(held);
    },
  };
}

/** Returns how many numbers have ended. */
export function settledOf(view: RequestView): number {
  const { succeeded, failed, cancelled, skipped } = view.counts;
  return succeeded + failed + cancelled + skipped;
}

function figures(view: RequestView): string {
  const { counts } = view;
  const shown = [
    [counts.succeeded, 'succeeded'],
    [counts.in_flight, 'in flight'],
    [counts.failed, 'failed'],
    [counts.cancelled, 'cancelled'],
    [counts.skipped, 'skipped'],
  ] as const;
  return tally(shown);
}

/** Lists counts with their words. A zero is left out. */
export function tally(counts: readonly (readonly [n: number, word: string])[]): string {
  return counts.flatMap(([n, word]) => (n > 0 ? [`${count(n)} ${word}`] : [])).join(', ');
}
