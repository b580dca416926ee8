import { PassThrough, Readable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { painter } from '../../src/cli/output.ts';
import type { Services } from '../../src/cli/services.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';

/** Makes streams in memory, without a terminal and without a person to ask. */
export function testIo(stdin = '', env: Record<string, string> = {}): { io: Io; out: () => string; err: () => string } {
  const collect = () => {
    const chunks: Buffer[] = [];
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
  };
  const out = collect();
  const err = collect();
  const io: Io = {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: out.stream,
    stderr: err.stream,
    env,
    canAsk: false,
    live: false,
    paintOut: painter(false),
    paintErr: painter(false),
    interrupt: () => ({ signal: new AbortController().signal, done: () => undefined }),
  };
  return { io, out: out.text, err: err.text };
}

const unexpected = async (): Promise<never> => {
  throw new Error('not expected in this test');
};

/** Makes services of which the test may use only the given ones. */
export function testServices(services: Partial<Services> = {}): Services {
  return {
    loadConfig: unexpected,
    createLog: unexpected,
    openProducer: unexpected,
    runRole: unexpected,
    migrate: unexpected,
    startSimulator: unexpected,
    ...services,
  };
}

/** Returns the details of the validation error that `act` throws. */
export async function problemsOf(act: () => unknown): Promise<{ path: string; message: string }[]> {
  try {
    await act();
  } catch (error) {
    if (error instanceof ProvisioningError && error.code === 'validation_failed') return error.details;
    throw error;
  }
  throw new Error('nothing was thrown');
}
