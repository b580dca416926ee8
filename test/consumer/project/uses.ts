// A project that uses the library under the strictest settings, without the types of Node or of any other package.
import { createProvisioner, type ItemView, type Provisioner, ProvisioningError, type RequestView } from 'provisioner';

export const provisioner: Provisioner = createProvisioner({ databaseUrl: 'postgres://localhost/none' });

export async function launch(): Promise<RequestView> {
  const bought = await provisioner.buy({ lines: [{ national_destination_code: '312', quantity: 1 }] }, { idempotencyKey: 'k' });
  // @ts-expect-error a misspelt field does not compile
  await provisioner.buy({ lines: [{ national_destination_cod: '312', quantity: 1 }] });
  return provisioner.waitFor(bought.id, { timeoutMs: 1_000 });
}

export async function endsOf(id: string): Promise<ItemView[]> {
  const items: ItemView[] = [];
  for await (const item of provisioner.items(id)) items.push(item);
  return items;
}

export const codeOf = (error: unknown): string | null => (error instanceof ProvisioningError ? error.code : null);
