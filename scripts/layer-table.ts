// The one table of the rooms of src/ and of what each may import. The linter's rules in biome.json are generated from it
// (scripts/layer-lint.ts, `npm run docs:generate`), and test/rules/layers.test.ts reads it. Imports of types count as imports.

/** One folder or file of src/, and what it may import besides itself. */
export interface Room {
  /** Path below src/. A folder inside a room needs a row only where it is held to a rule of its own. */
  readonly path: string;
  /** Rooms, with the folders inside them. */
  readonly imports: readonly string[];
  /** Rooms and folders that stay closed although `imports` names what holds them. */
  readonly except?: readonly string[];
  /** Single files that are open although their room is closed. */
  readonly openFiles?: readonly string[];
  /** What the linter says; otherwise the general sentence. */
  readonly because?: string;
}

const BASE = ['domain', 'config', 'observability'];
const STORES = ['queues', 'db'];

const STORES_APART = 'db, telnyx and queues never import one another, nor anything above them.';

/** Every room directly below src/ has a row. The order is from the ground up. */
export const ROOMS: readonly Room[] = [
  { path: 'domain', imports: [], because: 'domain imports nothing: it is the words that everybody shares.' },
  { path: 'config', imports: ['domain'] },
  { path: 'observability', imports: ['domain', 'config'] },
  { path: 'db', imports: BASE, because: STORES_APART },
  { path: 'db/schema', imports: ['domain'], because: 'The schema names columns and the words of domain, and nothing else.' },
  { path: 'telnyx', imports: BASE, because: STORES_APART },
  {
    path: 'telnyx/pacing',
    imports: ['telnyx', ...BASE],
    except: ['telnyx/endpoints'],
    because: 'Pacing and failures know no endpoint: every endpoint uses them.',
  },
  {
    path: 'telnyx/failures',
    imports: ['telnyx', ...BASE],
    except: ['telnyx/endpoints'],
    because: 'Pacing and failures know no endpoint: every endpoint uses them.',
  },
  { path: 'queues', imports: BASE, because: STORES_APART },
  { path: 'producers', imports: [...STORES, ...BASE] },
  {
    path: 'producers/intake',
    imports: ['producers', ...STORES, ...BASE],
    except: ['producers/actions', 'producers/read'],
    because: 'The intake stores what was asked; actions and views build on it.',
  },
  {
    path: 'producers/actions',
    imports: ['producers', ...STORES, ...BASE],
    except: ['producers/read'],
    because: 'Actions change rows; what people read about them is built above.',
  },
  { path: 'account', imports: ['producers', 'telnyx', ...STORES, ...BASE] },
  {
    path: 'outgoing',
    imports: ['db', ...BASE],
    because: 'What users are told is in the rows: delivering them needs no queue and no Telnyx.',
  },
  { path: 'reconcile', imports: ['account', 'producers', 'telnyx', ...STORES, ...BASE] },
  { path: 'recovery', imports: ['account', 'producers', ...STORES, ...BASE] },
  { path: 'processors', imports: ['reconcile', 'account', 'producers', 'telnyx', ...STORES, ...BASE] },
  { path: 'http', imports: ['account', 'producers', ...STORES, ...BASE], openFiles: ['telnyx/webhook-signature.ts'] },
  {
    path: 'simulator',
    imports: [],
    because: 'The simulator shares no code with us, so that it cannot agree with our mistakes.',
  },
  {
    path: 'app',
    imports: [
      'http',
      'processors',
      'reconcile',
      'recovery',
      'account',
      'outgoing',
      'producers',
      'telnyx',
      'simulator',
      ...STORES,
      ...BASE,
    ],
  },
  {
    path: 'app/embedded-postgres',
    imports: ['domain', 'db'],
    because:
      'The embedded Postgres runs as a process of its own. Of the product it knows only how to ask whether a database answers.',
  },
  { path: 'cli', imports: ['app', 'producers', 'account', 'simulator', ...STORES, ...BASE] },
  {
    path: 'cli/commands',
    imports: ['cli', 'app', 'producers', 'account', 'simulator', ...STORES, ...BASE],
    except: ['cli/demo'],
    because: 'The demo tells a story with the commands; no command needs the demo.',
  },
  {
    path: 'cli/actions',
    imports: ['cli', 'app', 'producers', 'account', 'simulator', ...STORES, ...BASE],
    except: ['cli/demo', 'cli/commands'],
    because: 'Actions are what commands do. Commands import them when they run, and not the other way round.',
  },
  {
    path: 'library',
    imports: ['app', 'producers', ...STORES, ...BASE],
    because: 'The library submits and reads, as a command does. It needs no processor and no Telnyx.',
  },
  {
    // The entry of the library shows what others may build on.
    path: 'index.ts',
    imports: ['library', 'app', ...BASE],
  },
];

/** A package that one place wraps, so that changing the package changes one place. */
export interface WrappedPackage {
  readonly name: string;
  /** Files and folders below src/ that may import it; none where it is only started as a program. */
  readonly homes: readonly string[];
  /** Whether its types may be named anywhere. */
  readonly typesAnywhere: boolean;
}

export const WRAPPED: readonly WrappedPackage[] = [
  { name: 'ioredis', homes: ['queues/redis.ts'], typesAnywhere: true },
  { name: 'pg', homes: ['queues/postgres.ts'], typesAnywhere: false },
  { name: 'telnyx', homes: ['telnyx/'], typesAnywhere: true },
  { name: 'bottleneck', homes: ['telnyx/pacing/'], typesAnywhere: false },
  { name: 'standardwebhooks', homes: ['outgoing/message.ts'], typesAnywhere: false },
  { name: 'prom-client', homes: ['observability/metrics.ts'], typesAnywhere: false },
  { name: 'embedded-postgres', homes: [], typesAnywhere: false },
];

/** Whether a file below src/ is the place itself or lies inside it. */
export function isIn(file: string, place: string): boolean {
  return file === place || file.startsWith(place.endsWith('/') ? place : `${place}/`);
}

/** The row that holds for a file below src/: the narrowest one; `null` where the table has none. */
export function roomOf(file: string): Room | null {
  const rows = ROOMS.filter((row) => isIn(file, row.path));
  return rows.reduce<Room | null>((best, row) => (best === null || row.path.length > best.path.length ? row : best), null);
}

/** Whether a file of this room may import `target`, a file below src/. */
export function mayImport(room: Room, target: string): boolean {
  if (isIn(target, room.path) || room.openFiles?.includes(target) === true) return true;
  if (room.except?.some((place) => isIn(target, place)) === true) return false;
  return room.imports.some((place) => isIn(target, place));
}
