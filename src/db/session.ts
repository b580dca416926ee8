import postgres from 'postgres';
import { ProvisioningError } from '../domain/errors.ts';
import { KNOWN_TYPES } from './wire-types.ts';

/** Settings of a session by name. */
export type Session = Readonly<Record<string, string>>;

/** Settings that every PgBouncer carries: it remembers them for each client and sets them on each connection that it gives out. */
const CARRIED: Session = { DateStyle: 'ISO, MDY', TimeZone: 'UTC', standard_conforming_strings: 'on' };

/**
 * Settings that our SQL, the driver or our guarantees rely on. A role, a database, `postgresql.conf` or a pooler may have changed
 * them, so each connection states them. Settings that change only the plan of a query are not listed.
 */
export const RELIED_ON: Session = {
  ...CARRIED,
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  search_path: 'public',
  array_nulls: 'on',
  transform_null_equals: 'off',
  row_security: 'on',
  gin_fuzzy_search_limit: '0',
  exit_on_error: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
};

/** Settings since Postgres 17, stated only where the server knows them. */
const NEWER: Session = { transaction_timeout: '0' };

/** How a process must connect to this database. */
export interface Connection {
  /** Settings that a connection states at its start. */
  session: Session;
  /** True when a pooler stands before Postgres and gives out another connection for each transaction. */
  pooled: boolean;
}

/**
 * Finds out how to reach the database. It states all settings over two connections and compares which of them are in force.
 * Behind a pooler that refuses or drops most of them, the others must already have the right value. Errors of the connection are
 * thrown unchanged. `unsuited_session` names the setting and the command that corrects it.
 */
export async function probeConnection(url: string): Promise<Connection> {
  const opened: postgres.Sql[] = [];
  const open = (session: Session): postgres.Sql => {
    const sql = one(url, session);
    opened.push(sql);
    return sql;
  };
  try {
    const full = open(RELIED_ON);
    const accepted = await takesSettings(full);
    const first = accepted ? full : open(CARRIED);
    const wanted = await settingsFor(first);
    const second = open(accepted ? wanted : CARRIED);
    const pooled = await isPooled(first, second);
    await assertSuited(second, wanted);
    return { session: accepted && !pooled ? wanted : CARRIED, pooled };
  } finally {
    await Promise.all(opened.map((sql) => sql.end({ timeout: 1 })));
  }
}

/** Settings to which connections for readers give values of their own. */
const OF_READERS = new Set(['default_transaction_read_only', 'statement_timeout']);
/** Seconds that a server process may be older than its first question by the clock of its machine. A pooler keeps them for longer. */
const NEW_S = 10;

/**
 * Returns the settings to state on this server when the pool leads to Postgres itself, and `null` without a proof. Postgres tells from
 * which port it is reached. Behind a pooler this is the pooler's own port and not one of ours. The pool must be one for readers that
 * states `RELIED_ON`. Errors of the connection are thrown unchanged, but a pooler that refuses the settings is no error.
 */
export async function sessionOfPostgres(sql: postgres.Sql, isOurs: (port: number) => boolean): Promise<Session | null> {
  const stated = Object.fromEntries(Object.entries(RELIED_ON).filter(([name]) => !OF_READERS.has(name)));
  try {
    const [row] = await sql<{ port: number | null; young: boolean; wrong: number; found: Setting[] }[]>`
      select inet_client_port() as port, clock_timestamp() - backend_start < make_interval(secs => ${NEW_S}) as young,
        (select count(*)::int ${whereUnsuited(sql, stated)}) as wrong,
        (select json_agg(s) from (select name, setting from pg_settings where name = any(${LEARNED}::text[])) s) as found
      from pg_stat_activity where pid = pg_backend_pid()`;
    const direct = row !== undefined && row.port !== null && isOurs(row.port) && row.young && row.wrong === 0;
    return direct ? settingsOf(row.found) : null;
  } catch (error) {
    if (refusesSettings(error)) return null;
    throw error;
  }
}

/**
 * True when the server accepts the settings as startup parameters. PgBouncer refuses with "unsupported startup parameter:
 * search_path"; other poolers word it differently, with the same code.
 */
async function takesSettings(sql: postgres.Sql): Promise<boolean> {
  try {
    await sql`select 1`;
    return true;
  } catch (error) {
    if (refusesSettings(error)) return false;
    throw error;
  }
}

const refusesSettings = (error: unknown): boolean => error instanceof Error && /startup parameter/i.test(error.message);

/** Opens a pool of one connection, for checks and migrations. */
export function one(url: string, session: Session): postgres.Sql {
  const connection = { application_name: 'provisioner', ...session };
  return postgres(url, {
    max: 1,
    prepare: false,
    ...KNOWN_TYPES,
    onnotice: () => undefined,
    connect_timeout: 10,
    connection,
  });
}

/** A setting of the server, and the settings whose value it must tell before ours are stated. */
interface Setting {
  name: string;
  setting: string;
}
const LEARNED = [...Object.keys(NEWER), 'synchronous_commit'];

async function settingsFor(sql: postgres.Sql): Promise<Session> {
  return settingsOf(await sql<Setting[]>`select name, setting from pg_settings where name = any(${LEARNED}::text[])`);
}

/**
 * Returns the settings to state on this server. `synchronous_commit` is switched on when it is off: a commit that is reported before
 * it is on the disk may be lost in a crash, and its call would be sent again.
 */
function settingsOf(found: readonly Setting[]): Session {
  const known = new Map(found.map((r) => [r.name, r.setting]));
  return {
    ...RELIED_ON,
    ...Object.fromEntries(Object.entries(NEWER).filter(([name]) => known.has(name))),
    ...(known.get('synchronous_commit') === 'off' && { synchronous_commit: 'on' }),
  };
}

/** True when a pooler is found. Two clients query in turn: without a pooler, each of them always meets its own server process. */
async function isPooled(a: postgres.Sql, b: postgres.Sql): Promise<boolean> {
  const seen: [Set<number>, Set<number>] = [new Set(), new Set()];
  for (let round = 0; round < 3; round += 1)
    for (const [i, sql] of [a, b].entries()) {
      const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
      if (row !== undefined) seen[i === 0 ? 0 : 1].add(row.pid);
    }
  const [first, second] = seen;
  return first.size > 1 || second.size > 1 || [...first].some((pid) => second.has(pid));
}

async function assertSuited(sql: postgres.Sql, wanted: Session): Promise<void> {
  const wrong = await unsuited(sql, wanted);
  const [first] = wrong;
  if (first === undefined) return;
  const [at] = await sql<{ role: string; database: string }[]>`
    select quote_ident(current_user) as role, quote_ident(current_database()) as database`;
  throw new ProvisioningError(
    'unsuited_session',
    'rejected',
    `the sessions of this database have ${wrong.map((w) => `${w.name} = ${w.setting}`).join(', ')}, and the pooler in DATABASE_URL ` +
      `does not let us state what we rely on; run ${wrong.map((w) => `\`alter role ${at?.role} in database ${at?.database} set ${w.name} = '${w.wanted}'\``).join(', ')} ` +
      'and reconnect the pooler, or point DATABASE_URL at Postgres itself',
  );
}

/**
 * Returns the settings that have another value than wanted. A search path counts as right when it leads to `public` only, because
 * it can be written in many ways.
 */
async function unsuited(sql: postgres.Sql, wanted: Session): Promise<{ name: string; setting: string; wanted: string }[]> {
  const rows = await sql<{ name: string; setting: string; wanted: string }[]>`
    select s.name, s.setting, w.value as wanted ${whereUnsuited(sql, wanted)} order by 1`;
  return [...rows];
}

const whereUnsuited = (sql: postgres.Sql, wanted: Session) => sql`
  from unnest(${Object.keys(wanted)}::text[], ${Object.values(wanted)}::text[]) as w(name, value)
  join pg_settings s on lower(s.name) = lower(w.name)
  where case when s.name = 'search_path' then current_schemas(false) <> '{public}' else s.setting <> w.value end`;
