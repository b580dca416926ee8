/**
 * The owner of an idempotency key. The same key in two spaces counts as two keys, so that no client meets the requests of another
 * client, and none can use a key of ours.
 * - `key:<name>`: a client of the HTTP API, by the name of its API key.
 * - `cli`, `library`: the commands and the library.
 * - `internal`: what we file ourselves, retries and repairs.
 * - `shared`: keys of clients from before the spaces; found from every space but `internal`, never written.
 */
export type KeySpace = `key:${string}` | 'cli' | 'library' | 'internal' | 'shared';

/** Who asks when the caller of the library does not say. */
export const LIBRARY_ACTOR = 'library';

/** The key space of the API key with this name. */
export function spaceOfClient(name: string): KeySpace {
  return `key:${name}`;
}
