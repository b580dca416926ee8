/** Ids that differ in every walk: those of our chunks and requests, and the uuids of the simulator. */
const IDS = /\b(?:req|chk|lin|run|lse)_[0-9a-f]{32}|\bprv-[0-9a-f]{32}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** What a history told, with each id replaced by its place in the order of appearance: two walks of one seed tell the same. */
export function withoutIds(told: readonly string[]): string[] {
  const known = new Map<string, string>();
  const nameOf = (id: string): string => {
    const name = known.get(id) ?? `#${known.size + 1}`;
    known.set(id, name);
    return name;
  };
  return told.map((line) => line.replace(IDS, nameOf));
}
