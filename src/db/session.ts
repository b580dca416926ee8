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

/**
 * True when the server accepts the settings as startup parameters. PgBouncer refuses with "unsupported startup parameter:
 * search_path"; other poolers word it differently, with the same code.
 */
async function takesSettings(sql: postgres.Sql): Promise<boolean> {
  try {
    await sql`select 1`;
    return true;
  } catch (error) {
    if (error instanceof Error && /startup parameter/i.test(error.message)) return false;
    throw error;
  }
}

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

/**
 * Returns the settings to state on this server. `synchronous_commit` is switched on when it is off: a commit that is reported before
 * it is on the disk may be lost in a crash, and its call would be sent again.
 */
async function settingsFor(sql: postgres.Sql): Promise<Session> {
  const rows = await sql<{ name: string; setting: string }[]>`
    select name, setting from pg_settings where name = any(${[...Object.keys(NEWER), 'synchronous_commit']}::text[])`;
  const known = new Map(rows.map((r) => [r.name, r.setting]));
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
    select s.name, s.setting, w.value as wanted
    from unnest(${Object.keys(wanted)}::text[], ${Object.values(wanted)}::text[]) as w(name, value)
    join pg_settings s on lower(s.name) = lower(w.name)
    where case when s.name = 'search_path' then current_schemas(false) <> '{public}' else s.setting <> w.value end
    order by 1`;
  return [...rows];
}
