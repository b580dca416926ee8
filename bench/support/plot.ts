/** The measurements of one question. Both values must be above 0. */
export interface Line {
  name: string;
  points: { x: number; y: number }[];
}

const WIDTH = 640;
const HEIGHT = 400;
const LEFT = 70;
const BOTTOM = 50;
const TOP = 20;
const COLOURS = ['#1f5fa8', '#b3432b', '#2f7d4f', '#7a4fa3'];

/** Returns an SVG with both axes logarithmic. There a linear growth is a line of the slope of the grey one, and each decade a grid line. */
export function plot(lines: readonly Line[], axes: { x: string; y: string }): string {
  const all = lines.flatMap((l) => l.points);
  if (all.length === 0) throw new Error('there is nothing to plot');
  const [x0, x1] = decades(all.map((p) => p.x));
  const [y0, y1] = decades(all.map((p) => p.y));
  const atX = (x: number): number => LEFT + ((Math.log10(x) - x0) / (x1 - x0)) * (WIDTH - LEFT - 20);
  const atY = (y: number): number => HEIGHT - BOTTOM - ((Math.log10(y) - y0) / (y1 - y0)) * (HEIGHT - BOTTOM - TOP);
  const path = (points: Line['points']): string => points.map((p) => `${atX(p.x).toFixed(1)},${atY(p.y).toFixed(1)}`).join(' ');
  const grid = [
    ...range(x0, x1).map(
      (d) => rule(atX(10 ** d), TOP, atX(10 ** d), HEIGHT - BOTTOM) + label(atX(10 ** d), HEIGHT - 32, 10 ** d),
    ),
    ...range(y0, y1).map((d) => rule(LEFT, atY(10 ** d), WIDTH - 20, atY(10 ** d)) + label(LEFT - 28, atY(10 ** d) + 4, 10 ** d)),
  ];
  const steps = Math.min(x1 - x0, y1 - y0);
  const linear = path([
    { x: 10 ** x0, y: 10 ** y0 },
    { x: 10 ** (x0 + steps), y: 10 ** (y0 + steps) },
  ]);
  const drawn = lines.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const dots = points.map((p) => `<circle cx="${atX(p.x).toFixed(1)}" cy="${atY(p.y).toFixed(1)}" r="4" fill="${colour}"/>`);
    const key = `<text x="${LEFT + 12}" y="${TOP + 18 + i * 18}" fill="${colour}">${name}</text>`;
    return `<polyline points="${path(points)}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${key}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...grid,
    `<polyline points="${linear}" fill="none" stroke="#999" stroke-dasharray="6 4"/>`,
    ...drawn,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">${axes.x}; grey: linear growth</text>`,
    `<text transform="translate(16 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${axes.y}</text>`,
    '</svg>\n',
  ].join('\n');
}

/** The powers of ten around the values. */
function decades(values: readonly number[]): [number, number] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  return [low, Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

const rule = (x1: number, y1: number, x2: number, y2: number): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ddd"/>`;

const label = (x: number, y: number, value: number): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="middle" fill="#555">${value.toLocaleString('en')}</text>`;
