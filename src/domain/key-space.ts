/**
 * Whose an idempotency key is. The same key in two spaces is two keys, so that no client meets the requests of another, and
 * none can write a key of ours.
 * - `key:<name>`: a client of the HTTP API, by the name of its API key.
 * - `cli`, `library`: the commands and the library.
 * - `internal`: what we file ourselves, retries and repairs.
 * - `shared`: keys of clients from before the spaces; found from every space but `internal`, never written.
 */
export type KeySpace = `key:${string}` | 'cli' | 'library' | 'internal' | 'shared';

export function spaceOfClient(name: string): KeySpace {
  return `key:${name}`;
}
