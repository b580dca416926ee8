import { isIn, mayImport, ROOMS, type Room } from './layer-table.ts';

const GENERAL = 'Imports point one way; see scripts/layer-table.ts.';

/** The text of biome.layers.json, which biome.json extends: one room a line. The formatter leaves that file alone. */
export function layerRules(): string {
  const lines = ROOMS.flatMap(overrideOf).map((override) => `    ${JSON.stringify(override)}`);
  return `{\n  "overrides": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** The later override wins, so a folder inside a room repeats what its room may not import. */
function overrideOf(room: Room): object[] {
  const patterns = [closedRooms(room), closedFolders(room)].filter(({ group }) => group.length > 0);
  if (patterns.length === 0) return [];
  return [
    {
      includes: [isFile(room) ? `src/${room.path}` : `src/${room.path}/**`],
      linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } },
    },
  ];
}

interface Pattern {
  group: string[];
  message: string;
}

/** The rooms that are closed to this one, as they stand in relative imports. */
function closedRooms(room: Room): Pattern {
  const others = ROOMS.filter((row) => !row.path.includes('/') && !isFile(row) && !isIn(room.path, row.path));
  const closed = others.filter((row) => !mayImport(room, row.path)).map((row) => `**/${row.path}/**`);
  const open = closed.length === 0 ? [] : (room.openFiles ?? []).map((file) => `!**/${file}`);
  return { group: [...closed, ...open], message: room.except === undefined ? (room.because ?? GENERAL) : GENERAL };
}

/** The folders that are closed although their room is open. */
function closedFolders(room: Room): Pattern {
  const names = (room.except ?? []).map((path) => path.slice(path.lastIndexOf('/') + 1));
  return { group: names.map((name) => `**/${name}/**`), message: room.because ?? GENERAL };
}

function isFile(room: Room): boolean {
  return room.path.endsWith('.ts');
}
