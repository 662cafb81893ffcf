/** A mistake that could be made: pieces of a file of the product, and what stands in their place. */
export interface Bug {
  name: string;
  /** Takes more than twenty seeds: `npm run sim:bites` only. */
  slow?: true;
  file: string;
  changes: readonly (readonly [find: string, replace: string])[];
}

/** Each makes the product wrong in a way that mostly only a fault at the right moment shows. */
export const BUGS: readonly Bug[] = [
  {
    name: 'the TRE does not sync what it writes',
    file: 'src/m2me/tre/durable-file.ts',
    changes: [
      [
        `      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async function erase`,
        `      await file.writeFile(octets);
    } finally {
      await file.close();
    }
  }

  async function erase`,
      ],
    ],
  },
  {
    name: 'the TRE does not sync the directory after a rename',
    file: 'src/m2me/tre/durable-file.ts',
    changes: [
      [
        `        await disk.rename(part, path);
        await syncDirectory(dirname(path));
`,
        `        await disk.rename(part, path);
`,
      ],
    ],
  },
  {
    name: 'the TRE overwrites its files in place',
    slow: true,
    file: 'src/m2me/tre/durable-file.ts',
    changes: [
      [
        `        await put(part, 'w', octets);
        await disk.rename(part, path);
`,
        `        await put(path, 'w', octets);
        void part;
`,
      ],
    ],
  },
  {
    name: 'the old subscription is erased before the discard record is written',
    slow: true,
    file: 'src/m2me/tre/tre.ts',
    changes: [
      [
        `    await pins.writeDiscard(record);
    return record;`,
        `    await slots.eraseSlot(slot.id);
    await pins.writeDiscard(record);
    return record;`,
      ],
    ],
  },
  {
    name: 'the machine says that it has erased before it has',
    slow: true,
    file: 'src/m2me/steps/discard.ts',
    changes: [
      [
        `  await tre.discard(change.serial, links.sessionsOf([change.oldSho, roOf(machine)]));
  links.endLive();
  await move(machine, change, 'erased');
`,
        `  await move(machine, change, 'erased');
  await tre.discard(change.serial, links.sessionsOf([change.oldSho, roOf(machine)]));
  links.endLive();
`,
      ],
    ],
  },
  {
    name: 'the machine announces a change before its keys are pinned',
    slow: true,
    file: 'src/m2me/instruct.ts',
    changes: [
      [
        `  if (secrets !== undefined) await machine.tre.pins.pinTokenKeys(serial, secrets);
  const replaced`,
        '  const replaced',
      ],
      [
        `  await journal.commit([numbered, journal.newChangeOp(serial, record), ...ends]);
`,
        `  await journal.commit([numbered, journal.newChangeOp(serial, record), ...ends]);
  if (secrets !== undefined) await machine.tre.pins.pinTokenKeys(serial, secrets);
`,
      ],
    ],
  },
  {
    name: 'the machine accepts a delivery before the keys shared with the RO are pinned',
    slow: true,
    file: 'src/m2me/steps/receive.ts',
    changes: [
      [
        `  await tre.pins.pinRoKeys(change.serial, deriveRoKeys(ksNafRo, verdict.claims.serial));
`,
        `  const pins = deriveRoKeys(ksNafRo, verdict.claims.serial);
`,
      ],
      [
        `  if (stored) {
    machine.refusals.delete(change.serial);
    const what`,
        `  await tre.pins.pinRoKeys(change.serial, pins);
  if (stored) {
    machine.refusals.delete(change.serial);
    const what`,
      ],
    ],
  },
  {
    name: 'the machine activates only with the release of the RO',
    file: 'src/m2me/steps/owed.ts',
    changes: [
      [
        `    if (waited < machine.config.graceMs) throw error;
`,
        `    if (waited < machine.config.graceMs * 1e9) throw error;
`,
      ],
    ],
  },
  {
    name: 'messages after step 8 need a live session',
    slow: true,
    file: 'src/m2me/steps/owed.ts',
    changes: [
      [
        `  return await links.plain(to).call('POST', \`/m2me/v1/\${resource}\`, sending);`,
        `  throw new GbaError('no-subscription', \`\${resource}: no session with \${to.id}\`, { cause: links.plain });`,
      ],
    ],
  },
  {
    name: 'the old SHO acknowledges before it has journalled',
    file: 'src/sho/letting-go.ts',
    changes: [
      [
        `          await commit([{ space: RELEASE, key: serial, expect: entry.version, put }]);
        } else`,
        `          void commit([{ space: RELEASE, key: serial, expect: entry.version, put }]).catch(() => undefined);
        } else`,
      ],
    ],
  },
  {
    name: 'the old SHO writes the tombstone before its HSS and BSF are empty',
    slow: true,
    file: 'src/sho/letting-go.ts',
    changes: [
      [
        `    await deps.removeSubscriber(record.impi);
    const put`,
        '    const put',
      ],
      [
        '    if (done) onStep?.({ step: 10,',
        `    await deps.removeSubscriber(record.impi);
    if (done) onStep?.({ step: 10,`,
      ],
    ],
  },
  {
    name: 'the old SHO does not answer an unregistration again',
    slow: true,
    file: 'src/sho/letting-go.ts',
    changes: [['        } else if (record.discardRecord === undefined) {', '        } else {']],
  },
  {
    name: 'an old SHO that asks for its token takes no unregistration any more',
    slow: true,
    file: 'src/sho/flows.ts',
    changes: [
      [
        `    { from: ['issued', 'recalling'], on: 'unregistration', to: 'letting-go', step: 9 },`,
        `    { from: 'issued', on: 'unregistration', to: 'letting-go', step: 9 },`,
      ],
    ],
  },
  {
    name: 'a machine that left can still be released',
    file: 'src/sho/contracts.ts',
    changes: [
      [
        `      if (machine === undefined || 'left' in machine) throw notOwner();`,
        '      if (machine === undefined) throw notOwner();',
      ],
    ],
  },
  {
    name: 'the new SHO hands the package over before its HSS has the subscription',
    file: 'src/sho/packing.ts',
    changes: [
      [
        `      await work.provision(subscription);
`,
        '',
      ],
      [
        `        contracts.signOp(record.m2meId, record.owner, record.impi),
      ]);
`,
        `        contracts.signOp(record.m2meId, record.owner, record.impi),
      ]);
      await work.provision(subscription);
`,
      ],
    ],
  },
  {
    name: 'the new SHO gives a delivered order up when its token runs out',
    slow: true,
    file: 'src/sho/flows.ts',
    changes: [
      [
        `    { from: ['validating', 'preparing'], on: 'lapsed', to: 'refused' },`,
        `    { from: ['validating', 'preparing', 'delivering', 'delivered'], on: 'lapsed', to: 'refused' },`,
      ],
    ],
  },
  {
    name: 'the new SHO sends the token itself instead of narrowing it',
    file: 'src/sho/packaging.ts',
    changes: [
      [
        `        boundToken: bound.toString('base64'),`,
        `        boundToken: (void bound, sealer.open(sealedToken, tokenContext(orderId)).bytes().toString('base64')),`,
      ],
    ],
  },
  {
    name: 'the RO does not withdraw the old registration',
    file: 'src/ro/deliveries.ts',
    changes: [
      [
        `          ...(await registrations.withdraw(record.m2meId)),
`,
        '',
      ],
    ],
  },
  {
    name: 'the RO tells the new SHO who let go',
    file: 'src/ro/deliveries.ts',
    changes: [
      [
        '        const json = { orderId: record.orderId, r: toHex(relay.r) };',
        `        const { sho: by } = (await registrations.find(record.m2meId)).value;
        const json = { orderId: record.orderId, r: toHex(relay.r), by };`,
      ],
    ],
  },
  {
    name: 'the RO answers an acknowledgement once only',
    slow: true,
    file: 'src/ro/deliveries.ts',
    changes: [
      [
        `      } else if (!['released', 'succeeded', 'registered', 'failed'].includes(record.state)) {`,
        '      } else {',
      ],
    ],
  },
  {
    name: "the owner's journal trusts what it remembers after a write without an answer",
    slow: true,
    file: 'src/owner/journal.ts',
    changes: [[`    if (entry !== undefined) take(entry);\n`, '']],
  },
  {
    name: 'the outbox forgets a message that was not answered',
    slow: true,
    file: 'src/flow/outbox.ts',
    changes: [
      [
        `    const after = delivery === 'retry' ? { put: { ...value, attempts, dueAt } } : { delete: true as const };`,
        `    const after = delivery === 'retry' && attempts > 9 ? { put: { ...value, dueAt } } : { delete: true as const };`,
      ],
    ],
  },
];
