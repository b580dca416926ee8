/** Collects the values of a repeatable option. */
export const many = (value: string, before: string[]): string[] => [...before, value];
