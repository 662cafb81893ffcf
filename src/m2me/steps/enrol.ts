import { enrol } from '../enrol.ts';
import { currentSho, type Machine } from '../machine.ts';

/**
 * A device key without a factory certificate is certified by the PKI portal of the operator in use (TS 33.221), over the
 * bootstrapping that the machine has with it. True when a certificate came.
 */
export async function enrolDevice(machine: Machine): Promise<boolean> {
  const { config, tre, links, clock, random } = machine;
  if ('cert' in config.device || tre.identity() === undefined) return false;
  const sho = currentSho(machine);
  const portal = config.device.portals.find((one) => one.sho === sho.id);
  if (portal === undefined || tre.device.enrolledAt() === sho.id) return false;
  const client = links.portal(portal.fqdn, portal.peer);
  try {
    const { certificate } = await enrol({
      fqdn: portal.fqdn,
      client,
      keys: links.liveKeys,
      clock,
      random,
      subject: config.id,
      key: tre.device.key,
    });
    await tre.device.install(certificate.der, sho.id);
    machine.log.info('device-enrolled', { operator: sho.id });
    return true;
  } finally {
    client.close();
  }
}
