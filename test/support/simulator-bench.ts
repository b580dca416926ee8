import { createServer, type Server } from 'node:http';
import Telnyx from 'telnyx';
import { vi } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';

/** A simulator on the test's clock, and a client that never repeats a call. */
export class Bench {
  readonly sim: Simulator;
  readonly client: Telnyx;
  readonly #clock: { now: number };
  #receiver: Server | undefined;

  private constructor(sim: Simulator, clock: { now: number }) {
    this.sim = sim;
    this.#clock = clock;
    this.client = new Telnyx({ apiKey: 'KEY_SIM', baseURL: sim.url, maxRetries: 0 });
  }

  static async open(options: SimulatorOptions = {}): Promise<Bench> {
    const clock = { now: Date.parse('2026-10-01T00:00:00Z') };
    return new Bench(await startSimulator({ numbers: 2000, owned: 40, now: () => clock.now, ...options }), clock);
  }

  async close(): Promise<void> {
    await this.sim.stop();
    const receiver = this.#receiver;
    receiver?.closeAllConnections();
    await new Promise((resolve) => (receiver ? receiver.close(resolve) : resolve(undefined)));
  }

  pass(ms: number): void {
    this.#clock.now += ms;
  }

  owned(): string[] {
    return this.sim.ownedNumbers();
  }

  async found(limit: number, ndc = '312'): Promise<string[]> {
    const filter = { country_code: 'US', phone_number_type: 'local' as const, national_destination_code: ndc, limit };
    return ((await this.client.availablePhoneNumbers.list({ filter })).data ?? []).flatMap((row) => row.phone_number ?? []);
  }

  /** Orders four numbers. It stops waiting for a reply after `patienceMs`. */
  async order(patienceMs = 10_000): Promise<Telnyx.NumberOrderCreateResponse> {
    const phone_numbers = (await this.found(4)).map((phone_number) => ({ phone_number }));
    const options = { signal: AbortSignal.timeout(patienceMs) };
    return this.client.numberOrders.create({ phone_numbers, customer_reference: 'chunk-1' }, options);
  }

  /** Returns the order after the time that it needs to end. */
  async endOfOrder(): Promise<{ id: string; status: string }> {
    const { data } = await this.order();
    this.pass(1200);
    const ended = (await this.client.numberOrders.retrieve(data?.id ?? '')).data;
    return { id: ended?.id ?? '', status: String(ended?.status) };
  }

  /** Runs an update of five numbers and returns the job after the time that it needs to end. */
  async endOfJob(): Promise<Telnyx.PhoneNumbers.PhoneNumbersJob> {
    const phone_numbers = this.owned().slice(0, 5);
    const { data } = await this.client.phoneNumbers.jobs.updateBatch({ phone_numbers, tags: ['new'] });
    this.pass(10_000);
    return (await this.client.phoneNumbers.jobs.retrieve(data?.id ?? '')).data ?? {};
  }

  /** Returns how many orders the list shows for a reference. */
  async listed(customer_reference: string): Promise<number> {
    return (await this.client.numberOrders.list({ filter: { customer_reference } })).data.length;
  }

  /** Returns how many of the bought numbers the account does not show. */
  async missing(): Promise<number> {
    const phone_numbers = this.sim.ledger().bought.map((bought) => bought.phone_number);
    return (await this.client.phoneNumbers.actions.verifyOwnership({ phone_numbers })).data?.not_found?.length ?? -1;
  }

  page(number: number): Promise<Telnyx.NumbersPhoneNumberDetailedsDefaultFlatPagination> {
    return Promise.resolve(this.client.phoneNumbers.list({ 'page[size]': 20, 'page[number]': number }));
  }

  /** Sends webhooks to a receiver that accepts all of them. */
  async receive(): Promise<void> {
    const receiver = createServer((_request, response) => response.end());
    this.#receiver = receiver;
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const address = receiver.address();
    this.sim.setWebhooks(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/hook`);
  }

  until(check: () => void): Promise<void> {
    return vi.waitFor(check, { timeout: 4000, interval: 10 });
  }
}
