import { bsfOf, hssOf } from '../src/lab/index.ts';
import type { Oracle, Violation } from './oracle.ts';
import type { Plan } from './scenario.ts';
import type { Setting } from './setting.ts';
import type { World } from './world.ts';

/** I8: every change is done, or refused with everything as it was, and the machine proves it by bootstrapping. */
export async function endOf(run: {
  done: boolean;
  plan: Plan;
  setting: Setting;
  world: World;
  oracle: Oracle;
  ends: ReadonlyMap<string, string>;
  afterEach: () => void;
}): Promise<Violation[]> {
  const { plan, setting, oracle, ends } = run;
  const { ledger } = oracle;
  const found: Violation[] = [];
  const broken = (what: string): void => {
    found.push({ rule: 'I8', what });
  };
  if (!run.done) {
    for (const { owner, m2meId } of plan.wishes) {
      const end = ends.get(`${owner} ${m2meId}`);
      if (end === undefined || end === 'failed')
        broken(`${owner} still waits for ${m2meId}: ${end ?? 'nothing heard'}`);
    }
    for (const [place, state] of ledger.open) broken(`stuck: ${place} ${state}`);
    return found;
  }
  for (const m2meId of plan.machines) {
    const { from, to } = setting.way(m2meId);
    const current = oracle.views.get(m2meId)?.current;
    const old = setting.subscriptions.get(m2meId)?.impi ?? '';
    if (current === undefined) {
      broken(`${m2meId} has no subscription in use`);
      continue;
    }
    const changed = current.sho === to;
    const has = (sho: string, impi: string): boolean => ledger.subscribers.get(hssOf(sho))?.has(impi) === true;
    const registered = ledger.registered.get(m2meId);
    if (changed && has(from, old)) broken(`${m2meId} is with ${to}, and ${from} still serves its old subscription`);
    if (!changed && !has(from, old)) broken(`${m2meId} is still with ${from}, which serves it no more`);
    if (!has(current.sho, current.impi)) broken(`${current.sho} does not serve the subscription of ${m2meId}`);
    if (registered !== current.sho)
      broken(`${m2meId} is with ${current.sho} and registered with ${registered ?? 'none'}`);
    const told = plan.wishes
      .filter((wish) => wish.m2meId === m2meId)
      .map(({ owner }) => ends.get(`${owner} ${m2meId}`));
    if (told.includes('done') !== changed) {
      broken(`${m2meId} is with ${current.sho} and its owner was told ${told.join(', ')}`);
    }
    const bsf = await bootstrapOf(run, m2meId);
    if (bsf !== bsfOf(current.sho)) broken(`${m2meId} bootstraps with ${bsf ?? 'nobody'}`);
  }
  const used = plan.machines.map((m2meId) => oracle.views.get(m2meId)?.current?.impi ?? '');
  for (const { name } of setting.plan.hss) {
    for (const impi of ledger.subscribers.get(name) ?? []) {
      const isOurs = [...setting.subscriptions].some(
        ([id, one]) => one.impi === impi && !plan.machines.includes(id as never),
      );
      if (!used.includes(impi) && !isOurs) broken(`${name} serves ${impi}, which nobody has`);
    }
  }
  return found;
}

/** Asks the machine to bootstrap, as its owner can. */
async function bootstrapOf(run: Parameters<typeof endOf>[0], m2meId: string): Promise<string | undefined> {
  const { world, setting, afterEach } = run;
  const port = setting.plan.m2me.find(({ id }) => id === m2meId)?.local.port ?? 0;
  let answered = false;
  let bsf: string | undefined;
  const ask = (): void =>
    world.net.inject(
      {
        from: 'owner',
        to: m2meId,
        port,
        certificate: undefined,
        secure: false,
        method: 'POST',
        path: '/local/v1/bootstrap',
        headers: {},
        body: Buffer.alloc(0),
      },
      (answer) => {
        answered = true;
        if (answer?.status === 200) bsf = (JSON.parse(answer.body.toString('utf8')) as { bsf: string }).bsf;
      },
    );
  world.kernel.after(0, ask);
  await world.kernel.run(world.kernel.now + 600_000, () => answered, afterEach);
  return bsf;
}
