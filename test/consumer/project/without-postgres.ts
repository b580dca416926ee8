// The embedded Postgres is wanted, and its package is not installed.
import { createProvisioner, ProvisioningError } from 'provisioner';

const provisioner = createProvisioner();
try {
  await provisioner.request('req_none');
} catch (error) {
  if (!(error instanceof ProvisioningError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
await provisioner.close();
