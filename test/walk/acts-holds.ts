import { ProvisioningError } from '../../src/domain/errors.ts';
import { pauseRequest, resumeRequest } from '../../src/producers/actions/pause.ts';
import { count, type Notes, tell } from './notes.ts';

/** A person pauses a request, preferably one whose worker sleeps. */
export async function pause(notes: Notes): Promise<void> {
  const id = notes.asleep !== null && notes.choice.chance(0.7) ? notes.asleep : notes.choice.maybe(notes.requests);
  await act(notes, 'pause', id, (it) => pauseRequest(notes.world.deps, it, 'walk'));
}

/** A person resumes a request that is paused, or one that is not. */
export async function resume(notes: Notes): Promise<void> {
  const paused = await pausedNow(notes);
  await act(notes, 'resume', notes.choice.maybe(paused.length > 0 ? paused : notes.requests), (it) =>
    resumeRequest(notes.world.deps, it, 'walk'),
  );
}

/** Resumes every paused request. Returns true when there was one. */
export async function resumeAll(notes: Notes): Promise<boolean> {
  const paused = await pausedNow(notes);
  for (const id of paused) await act(notes, 'resume', id, (it) => resumeRequest(notes.world.deps, it, 'walk'));
  return paused.length > 0;
}

async function pausedNow(notes: Notes): Promise<string[]> {
  const rows = await notes.world.sql<{ id: string }[]>`select id from requests where status = 'paused' order by seq`;
  return rows.map((r) => r.id);
}

async function act(notes: Notes, name: string, id: string | undefined, run: (id: string) => Promise<unknown>): Promise<void> {
  if (id === undefined) return;
  const which = `r${notes.requests.indexOf(id) + 1}`;
  try {
    await run(id);
    count(notes, name);
    tell(notes, `${name} ${which}`);
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    tell(notes, `${name} ${which} refused: ${error.code}`);
  }
}
