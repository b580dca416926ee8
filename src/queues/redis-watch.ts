import { Redis } from 'ioredis';
import { withinDeadline } from './deadline.ts';
import type { SharedRedis } from './redis-connections.ts';

const LOOK_EVERY_MS = 5_000;
/** Longer than the longest blocking read of BullMQ, 10 s: a connection answers nothing else meanwhile. */
const ANSWER_MS = 12_000;
/** One answer may get lost in a busy moment. */
const MOST_MISSED = 2;

type Found = 'primary' | 'replica' | 'silent' | 'not_asked';

/**
 * Asks every open connection every few seconds what it leads to, and opens all of them again when one leads to a demoted server
 * or gets no answer any more. The refusals of a stale server (see `clientFor`) do not show everything: a replica answers reads, a
 * refusal inside of a transaction is hidden in its reply, a subscriber asks nothing, and a half-open socket says nothing for a
 * quarter of an hour. Returns what stops the looks.
 */
export function watchConnections(open: ReadonlySet<SharedRedis>): () => void {
  const missed = new WeakMap<Redis, number>();
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    const clients = [...open];
    const alone = clients.filter((client) => client instanceof Redis);
    const nodes = clients.flatMap((client) => (client instanceof Redis ? [] : client.nodes('all')));
    const [ofAlone, ofNodes] = await Promise.all([
      Promise.all(alone.map((client) => ask(client, missed))),
      Promise.all(nodes.map((node) => ask(node, missed))),
    ]);
    if (ofAlone.some((found) => found === 'replica' || found === 'silent')) for (const client of alone) renew(client);
    // A node may rightly be a replica. When one ends, the cluster reads its topology anew.
    for (const [i, node] of nodes.entries()) if (ofNodes[i] === 'silent') renew(node);
    looking = false;
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Never rejects. `silent` only after several answers in a row that did not come. */
async function ask(client: Redis, missed: WeakMap<Redis, number>): Promise<Found> {
  const maySpeak = client.status === 'ready' && client.mode === 'normal';
  if (!maySpeak) return 'not_asked';
  const answer = await roleOf(client);
  const times = answer === 'silent' ? (missed.get(client) ?? 0) + 1 : 0;
  missed.set(client, times === MOST_MISSED ? 0 : times);
  if (answer === 'silent') return times === MOST_MISSED ? 'silent' : 'not_asked';
  return answer;
}

async function roleOf(client: Redis): Promise<'primary' | 'replica' | 'silent'> {
  try {
    const info = await withinDeadline(client.info('replication'), ANSWER_MS, 'asking for the role');
    return /^role:slave/m.test(info) ? 'replica' : 'primary';
  } catch (error) {
    // A refusal is an answer too: an account may not be allowed to ask.
    return error instanceof Error && error.name === 'ReplyError' ? 'primary' : 'silent';
  }
}

/** Ends the connection and opens another, as a lost one; commands that wait for an answer are sent again by patient clients. */
function renew(client: Redis): void {
  if (client.status === 'ready') client.disconnect(true);
}
