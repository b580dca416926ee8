import { MultiBar, type SingleBar } from 'cli-progress';
import type { Io } from '../io.ts';
import { count, seconds } from '../output.ts';

/** One step of the story, as the screen shows it. */
export interface StepBar {
  start(): void;
  show(done: number, text: string): void;
  end(ok: boolean, text: string): void;
}

export interface Board {
  step(title: string, total: number): StepBar;
  done(): void;
}

const LINE_EVERY_MS = 1_000;
const TITLE_WIDTH = 34;

/** Makes the display: a bar for each step on a terminal, else a line for each change. */
export function createBoard(io: Io): Board {
  return io.live ? barBoard(io) : lineBoard(io);
}

function barBoard(io: Io): Board {
  const { paintErr: paint } = io;
  const bars = new MultiBar({
    stream: io.stderr,
    format: ' {mark} {title} {bar}  {figures}  {text}',
    barCompleteChar: '━',
    barIncompleteChar: '─',
    formatBar: (progress, options) => {
      const width = options.barsize ?? 28;
      const full = Math.round(Math.max(0, Math.min(1, progress)) * width);
      return paint('green', '━'.repeat(full)) + paint('dim', '─'.repeat(width - full));
    },
    barsize: 28,
    hideCursor: true,
    stopOnComplete: false,
    clearOnComplete: false,
    fps: 12,
  });
  return {
    step: (title, total) => {
      const figures = (done: number) => `${count(done)}/${count(total)}`.padStart(11);
      const bar: SingleBar = bars.create(total, 0, {
        mark: paint('dim', '·'),
        title: paint('dim', title.padEnd(TITLE_WIDTH)),
        figures: figures(0),
        text: '',
      });
      const named = title.padEnd(TITLE_WIDTH);
      let started = 0;
      let reached = 0;
      return {
        start: () => {
          started = Date.now();
          bar.update(0, { mark: paint('cyan', '▸'), title: paint('bold', named), text: '' });
        },
        show: (done, text) => {
          reached = Math.min(done, total);
          bar.update(reached, { figures: figures(done), text: `${paint('dim', seconds(Date.now() - started))}  ${text}` });
        },
        end: (ok, text) => {
          const mark = ok ? paint('green', '✔') : paint('red', '✘');
          const at = ok ? total : reached;
          bar.update(at, {
            figures: figures(at),
            mark,
            title: named,
            text: `${paint('dim', seconds(Date.now() - started))}  ${text}`,
          });
        },
      };
    },
    done: () => {
      bars.update();
      bars.stop();
    },
  };
}

function lineBoard(io: Io): Board {
  const begun = Date.now();
  const write = (text: string) => io.stderr.write(`[${seconds(Date.now() - begun).padStart(7)}] ${text}\n`);
  return {
    step: (title, total) => {
      let last = '';
      let lastAt = 0;
      return {
        start: () => write(`${title}: started`),
        show: (done, text) => {
          const line = `${title}: ${count(done)}/${count(total)}  ${text}`.trimEnd();
          if (line === last || Date.now() - lastAt < LINE_EVERY_MS) return;
          last = line;
          lastAt = Date.now();
          write(line);
        },
        end: (ok, text) => write(`${title}: ${ok ? 'done' : 'NOT DONE'}  ${text}`.trimEnd()),
      };
    },
    done: () => undefined,
  };
}
