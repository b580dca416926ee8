/** Reading requests and shaping refusals: the parts of the protocol every endpoint shares. */

export interface ErrorBody {
  /** Some refusals of the real service have none. */
  code?: string;
  title: string;
  detail?: string;
  source?: { pointer?: string; parameter?: string };
}

/** A refusal an endpoint answers with; thrown by handlers, turned into a reply by the server. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: ErrorBody[];

  constructor(status: number, error: ErrorBody) {
    super(`${status} ${error.code ?? ''} ${error.title}`);
    this.status = status;
    this.errors = [error];
  }
}

/** A 422 `10015`-style refusal that points at one field of the body. */
export function invalid(pointer: string, detail: string, code = '10015'): Refusal {
  return new Refusal(422, { code, title: 'Invalid parameter', detail, source: { pointer } });
}

export function notFound(): Refusal {
  return new Refusal(404, {
    code: '10005',
    title: 'Resource not found',
    detail: 'The requested resource or URL could not be found.',
  });
}

/** Flat view of a query string that understands `k=a`, `k=a,b`, `k[]=a&k[]=b` and `k=a&k=b`. */
export class Query {
  readonly #params: URLSearchParams;

  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  /** The last value given for a key, as servers that collapse repeats do. */
  one(key: string): string | undefined {
    return this.#params.getAll(key).at(-1);
  }

  /** All values in whatever array form the client used. */
  list(key: string): string[] {
    return this.values(key)
      .flatMap((value) => value.split(','))
      .map((value) => value.trim())
      .filter((value) => value !== '');
  }

  /** All values in whatever array form, each as it was sent: a comma list is one value. */
  values(key: string): string[] {
    return [...this.#params.getAll(key), ...this.bracketed(key)];
  }

  /** The values of the bracket form only. */
  bracketed(key: string): string[] {
    return this.#params.getAll(`${key}[]`);
  }

  flag(key: string): boolean | undefined {
    const value = this.one(key);
    return value === undefined ? undefined : value.toLowerCase() === 'true';
  }

  int(key: string): number | undefined {
    const value = this.one(key);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  }

  hasFilter(): boolean {
    return [...this.#params.keys()].some((key) => key.startsWith('filter['));
  }
}

export type Body = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(body: Body, key: string): string | undefined {
  const value = body[key];
  return typeof value === 'string' ? value : undefined;
}

export function bool(body: Body, key: string): boolean | undefined {
  const value = body[key];
  return typeof value === 'boolean' ? value : undefined;
}

/** The strings of an array field; `undefined` when the field is not an array. */
export function strings(body: Body, key: string): string[] | undefined {
  const value = body[key];
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : undefined;
}

export const E164 = /^\+[1-9]\d{6,14}$/;
/** As an account sees a number that it may not have: `+16183xxxxxx`. */
export const MASKED = /^\+[1-9]\d*x+$/;
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Integer cents to the decimal strings the API uses. */
export function money(cents: number): string {
  const sign = cents < 0 ? '-' : '';
  const whole = Math.abs(cents);
  return `${sign}${Math.floor(whole / 100)}.${String(whole % 100).padStart(2, '0')}`;
}

/** A decimal string to integer cents. */
export function cents(amount: string): number {
  const match = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(amount);
  if (!match) throw new Error(`not an amount: ${amount}`);
  const value = Number(match[2]) * 100 + Number((match[3] ?? '').padEnd(2, '0') || 0);
  return match[1] === '-' ? -value : value;
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export interface PageRequest {
  number: number;
  size: number;
}

/** Page parameters with the documented default (20) and ceiling (250). */
export function pageOf(query: Query): PageRequest {
  const size = query.int('page[size]') ?? 20;
  return { number: Math.max(1, query.int('page[number]') ?? 1), size: Math.min(250, Math.max(1, size)) };
}

export interface PageMeta {
  page_number: number;
  total_pages: number;
  page_size: number;
  total_results: number;
}

export function metaOf(page: PageRequest, total: number): PageMeta {
  return {
    page_number: page.number,
    total_pages: Math.ceil(total / page.size),
    page_size: page.size,
    total_results: total,
  };
}
