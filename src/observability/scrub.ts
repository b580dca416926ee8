const MASK = '[redacted]';

/** Shapes of secrets that are masked wherever they stand: in a message, an error text or a stack. */
const PATTERNS: readonly [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[\w~+/.=:-]{6,}/gi, `$1 ${MASK}`],
  [/\bKEY[0-9A-Z][\w-]{10,}/gi, MASK],
  // user:password@ in an address, up to the last @, because a password may hold one; the user may be empty, as Redis allows. A
  // number before a slash or the end is a port.
  [/(\b[a-z][a-z\d+.-]*:\/\/[^\s/:@"'<>]*):(?!\d{1,5}(?:[/?#,\s"']|$))[^\s"'<>]+@/gi, `$1:${MASK}@`],
  // token@ in an address
  [/(\bhttps?:\/\/)[^\s/:@"'<>]+@/gi, `$1${MASK}@`],
  [/([?&](?:key|auth|sig|signature)=)[^\s&#"']+/gi, `$1${MASK}`],
  [/\b(api[_-]?key|password|secret|token)(["']?\s*[:=]\s*["']?)[^\s"',;&}]{4,}/gi, `$1$2${MASK}`],
];

/** Removes secrets from a text. */
export type Scrub = (text: string) => string;

/** A scrubber that also masks the configured secrets. It leaves out very short ones, which would mask ordinary words. */
export function createScrubber(secrets: readonly string[]): Scrub {
  const values = [...new Set(secrets)].filter((value) => value.length >= 6).sort((a, b) => b.length - a.length);
  return (text) => {
    let result = text;
    for (const value of values) result = result.replaceAll(value, MASK);
    for (const [pattern, mask] of PATTERNS) result = result.replace(pattern, mask);
    return result;
  };
}

/** The address without login, query and fragment. A text that is not an address is not shown at all. */
export function plainUrl(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}

/** Field names whose value is always masked. */
const SECRET_NAME = /^(authorization|cookie|set-cookie|password|passwd|secret|token|apikey|api_key|api-key|x-api-key|dsn)$/i;
const DEEPEST = 6;

/**
 * A copy of a log field that is safe to print: strings scrubbed, secret names masked, errors as plain objects with their cause.
 * Pino's own path redaction reaches one level per star; this walks, bounded in depth.
 */
export function scrubValue(value: unknown, scrub: Scrub, depth = 0): unknown {
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEEPEST) return '[deep]';
  if (value instanceof Error) return errorFields(value, scrub, depth);
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((inner) => scrubValue(inner, scrub, depth + 1));
  if ('toJSON' in value && typeof value.toJSON === 'function') return scrubValue(value.toJSON(), scrub, depth + 1);
  return masked(Object.entries(value), scrub, depth);
}

function masked(entries: [string, unknown][], scrub: Scrub, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(([name, inner]) => [name, SECRET_NAME.test(name) && inner !== null ? MASK : scrubValue(inner, scrub, depth + 1)]),
  );
}

// Only fields that are known to be harmless, because SDK errors carry whole requests with their headers.
const ERROR_FIELDS = ['code', 'disposition', 'details', 'retryAfterMs', 'status', 'syscall', 'errno'] as const;

function errorFields(error: Error, scrub: Scrub, depth: number): Record<string, unknown> {
  const extra = Object.entries(error).filter(([name]) => ERROR_FIELDS.some((known) => known === name));
  const parts = error instanceof AggregateError ? { errors: scrubValue(error.errors, scrub, depth + 1) } : {};
  return {
    type: error.name,
    message: scrub(error.message),
    stack: error.stack === undefined ? undefined : scrub(error.stack),
    ...masked(extra, scrub, depth),
    ...parts,
    ...(error.cause === undefined ? {} : { cause: scrubValue(error.cause, scrub, depth + 1) }),
  };
}
