import { z } from 'zod';
import { currentSho, type Machine, roOf, showStep } from '../machine.ts';

const discoverySchema = z.looseObject({ state: z.string(), sho: z.string().optional() });

/**
 * Step 0, with every operator: a live context over Ub, and the operator's M2M server learns the B-TID over Ua. Under a new
 * operator this is the proof that the change worked. True when something was done.
 */
export async function keepBootstrapped(machine: Machine): Promise<boolean> {
  const identity = machine.tre.identity();
  if (identity === undefined) return false;
  const [newest] = await machine.tre.contexts();
  const state = await machine.journal.machine();
  const certificate = machine.tre.device.certificate()?.toString('base64');
  const toldAll = state.toldDevice === (certificate ?? null);
  if (newest !== undefined && newest.btid === state.toldBtid && toldAll) return false;
  const btid = (newest ?? (await machine.bootstrap())).btid;
  const sho = currentSho(machine);
  const answer = await machine.links
    .live(sho)
    .send('POST', '/ua/v1/bootstraps', { json: { m2meId: machine.config.id, deviceCertificate: certificate } });
  if (answer.status >= 300) {
    machine.log.warn('bootstrap-not-taken', { operator: sho.id, code: answer.cause() });
    return newest === undefined;
  }
  // A bootstrapping on the way may have made yet another B-TID: it is the one that the operator saw that counts.
  if (answer.btid === state.toldBtid && toldAll) return false;
  const told = { toldBtid: answer.btid, toldDevice: certificate ?? null };
  await machine.journal.commit([machine.journal.machineOp(state, told)]);
  const what = identity.serial === null ? 'bootstrapping over Ub' : 'bootstrap with new SHO BSF';
  showStep(machine, 0, what, {
    to: sho.id,
    keyId: btid.slice(0, 8),
    ...(identity.serial && { serial: identity.serial }),
  });
  return true;
}

/** After a change the RO, a NAF of the new operator's BSF too, sees the machine once under its new subscription. */
export async function showToRo(machine: Machine): Promise<boolean> {
  const serial = machine.tre.identity()?.serial ?? null;
  const state = await machine.journal.machine();
  if (serial === null || serial === state.roSeen) return false;
  const change = (await machine.journal.changes()).find((one) => one.serial === serial);
  if (change?.state !== 'finished') return false;
  const answer = await machine.links
    .live(roOf(machine))
    .send('GET', `/ua/v1/discovery?m2me=${encodeURIComponent(machine.config.id)}`);
  if (answer.status !== 200) return false;
  const found = answer.json(discoverySchema);
  if (found.sho !== machine.tre.identity()?.sho.id) return false;
  await machine.journal.commit([machine.journal.machineOp(state, { roSeen: serial })]);
  return true;
}
