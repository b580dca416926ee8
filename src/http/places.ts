import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { ProvisioningError } from '../domain/errors.ts';
import { actorOf } from './auth.ts';

/** A limited number of places for long answers: downloads and watched requests. */
export interface Places {
  /**
   * Takes a place for the client and returns the function that gives it back. Errors: `too_many_streams` (429) when this key has
   * used its places, `streams_full` (503) when the server has none left.
   */
  take(request: FastifyRequest): () => void;
}

/** Makes the places. Without the limit for each key, one client could take the places of all others. */
export function createPlaces(what: string, { each, all }: { each: number; all: number }): Places {
  const taken = new Map<string, number>();
  let total = 0;
  return {
    take: (request) => {
      const who = actorOf(request);
      const own = taken.get(who) ?? 0;
      if (own >= each)
        throw new ProvisioningError(
          'too_many_streams',
          'retry',
          `the key "${who}" has ${each} ${what} open, and more are not allowed; end one or try again later`,
          { retryAfterMs: 5_000 },
        );
      if (total >= all)
        throw new ProvisioningError(
          'streams_full',
          'retry',
          `${all} ${what} are open, and more are not allowed; try again later`,
        );
      taken.set(who, own + 1);
      total += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        total -= 1;
        const left = (taken.get(who) ?? 1) - 1;
        if (left > 0) taken.set(who, left);
        else taken.delete(who);
      };
    },
  };
}

/**
 * Closes the connection of a reader that takes no bytes for `ms` milliseconds. Node checks whether any of the waiting bytes left.
 */
export function cutWhenIdle({ raw: { socket } }: FastifyRequest, ms: number): void {
  // A request that a test injects has no socket.
  if (socket instanceof Socket) socket.setTimeout(ms);
}
