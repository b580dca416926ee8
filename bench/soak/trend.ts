/** What was seen at one moment. */
export type Sample = { ms: number } & Record<string, number>;

export interface Trend {
  name: string;
  first: number;
  middle: number;
  last: number;
  /** The slope of the second half, over its whole length, as a share of the mean. */
  growth: number;
  grows: boolean;
}

/** A slope below this is noise: garbage that is not collected yet, pages that vacuum has not given back. */
const MOST_GROWTH = 0.15;

/** Fits a line through the second half of each figure; the first half is start-up. */
export function judge(samples: readonly Sample[]): Trend[] {
  const names = Object.keys(samples.at(-1) ?? {}).filter((name) => name !== 'ms');
  return names.map((name) => {
    const points = samples.flatMap((s) => {
      const value = s[name];
      return value === undefined || Number.isNaN(value) ? [] : [{ x: s.ms, y: value }];
    });
    const half = points.slice(Math.floor(points.length / 2));
    const mean = (of: (p: { x: number; y: number }) => number) => half.reduce((sum, p) => sum + of(p), 0) / half.length;
    const [x, y] = [mean((p) => p.x), mean((p) => p.y)];
    const spread = mean((p) => (p.x - x) ** 2);
    const slope = spread === 0 ? 0 : mean((p) => (p.x - x) * (p.y - y)) / spread;
    const growth = y === 0 ? 0 : (slope * ((half.at(-1)?.x ?? 0) - (half[0]?.x ?? 0))) / y;
    const at = (share: number) => points[Math.floor((points.length - 1) * share)]?.y ?? Number.NaN;
    return { name, first: at(1 / 3), middle: at(1 / 2), last: at(1), growth, grows: growth > MOST_GROWTH };
  });
}
