import type { SingleBar } from 'cli-progress';
import { visibleLines } from '../domain/text.ts';
import type { RequestView } from '../producers/read/views.ts';
import type { Io } from './io.ts';
import { count, cutTo, seconds } from './output.ts';

/** How far some work is. */
export interface Step {
  done: number;
  total: number;
  /** What it does now, such as the status of a request. */
  state: string;
  /** More figures, which a narrow terminal cuts. */
  more: string;
}

/** Shows progress on stderr. */
export interface Display {
  show(step: Step): void;
  /** Writes a remark between two updates. */
  note(text: string): void;
  done(): void;
}

/** Shows the progress of a request on stderr. */
export interface Progress extends Omit<Display, 'show'> {
  show(view: RequestView): void;
}

const LINE_EVERY_MS = 5_000;
const BAR = 12;
/** The columns of a bar, its percentage, and the blanks between the parts. */
const AROUND = BAR + 10;

/** Makes the display: a bar on a terminal, else a line after a change, at most every five seconds. */
export async function createDisplay(io: Io): Promise<Display> {
  return io.live ? barDisplay(io) : lineDisplay(io);
}

/** Makes the display of a request. */
export async function requestProgress(io: Io): Promise<Progress> {
  const display = await createDisplay(io);
  return {
    ...display,
    show: (view) => display.show({ done: settledOf(view), total: view.counts.asked, state: view.status, more: figures(view) }),
  };
}

async function barDisplay(io: Io): Promise<Display> {
  const { MultiBar, Presets } = await import('cli-progress');
  const bars = new MultiBar(
    {
      stream: barStream(io),
      format: `{bar} {percentage}%  {text}`,
      hideCursor: true,
      clearOnComplete: false,
      stopOnComplete: false,
      barsize: BAR,
      // Progress comes from polling, so drawing more often would be wasted.
      fps: 5,
    },
    Presets.shades_classic,
  );
  const pace = createPace();
  let bar: SingleBar | null = null;
  return {
    show: (step) => {
      const text = cutTo(stepText(step, pace(step)), (io.paintErr.width ?? Number.POSITIVE_INFINITY) - AROUND);
      if (bar === null) bar = bars.create(step.total, step.done, { text });
      else {
        bar.setTotal(step.total);
        bar.update(step.done, { text });
      }
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

function lineDisplay(io: Io): Display {
  const pace = createPace();
  let last = '';
  let lastAt = 0;
  let held: { text: string; line: string } | null = null;
  const write = ({ text, line }: { text: string; line: string }) => {
    io.stderr.write(`${line}\n`);
    held = null;
    last = text;
    lastAt = Date.now();
  };
  return {
    show: (step) => {
      // The time alone is no news.
      const text = stepText(step, '');
      const line = { text, line: stepText(step, pace(step)) };
      if (text === last) return;
      if (Date.now() - lastAt >= LINE_EVERY_MS) write(line);
      else held = line;
    },
    note: (text) => io.stderr.write(`${visibleLines(text)}\n`),
    done: () => {
      if (held !== null) write(held);
    },
  };
}

/** `120/250  running  12.0 s, 10/s, about 13.0 s left  120 succeeded` */
function stepText({ done, total, state, more }: Step, pace: string): string {
  return [`${count(done)}/${count(total)}`, state, pace, more].filter((text) => text !== '').join('  ');
}

/** Tells how long the wait has lasted, how fast the work goes, and how long the rest takes at that rate. */
function createPace(): (step: Pick<Step, 'done' | 'total'>) => string {
  let first: { at: number; done: number } | null = null;
  return ({ done, total }) => {
    first ??= { at: Date.now(), done };
    return paceText(Date.now() - first.at, done - first.done, total - done);
  };
}

/** `12.0 s, 10/s, about 13.0 s left`. Empty at the beginning. */
export function paceText(elapsedMs: number, finished: number, left: number): string {
  if (elapsedMs < 1_000) return '';
  const rate = finished / (elapsedMs / 1_000);
  if (rate <= 0) return seconds(elapsedMs);
  const speed = rate >= 10 ? count(Math.round(rate)) : rate.toFixed(1);
  return [seconds(elapsedMs), `${speed}/s`, ...(left > 0 ? [`about ${seconds((left / rate) * 1_000)} left`] : [])].join(', ');
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
    [counts.in_flight, 'in_flight'],
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
