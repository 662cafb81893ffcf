import { opcFromOp } from '../src/aka/index.ts';
import { SecretKey } from '../src/base/index.ts';
import { bsfOf, hssOf, NAMES } from '../src/lab/index.ts';
import type { SimAnswer } from './exchange.ts';
import type { Ledger } from './ledger.ts';
import type { Heard } from './net.ts';
import type { Setting } from './setting.ts';

/** I6 and I7: who may see what, over every message that arrives. */
export interface Secrecy {
  /** An owner holds this token now; its last 32 octets are tag0. */
  token(octets: Buffer): void;
  request(heard: Heard): void;
  answer(heard: Heard, answer: SimAnswer): void;
}

/** The ways by which an order and what follows from it reach the new SHO. */
const TO_NEW_SHO = ['/owner/v1/orders', '/ro/v1/', '/pva/v1/'];

export function createSecrecy(setting: Setting, ledger: Ledger, broken: (rule: string, what: string) => void): Secrecy {
  const credentials = credentialsOf(setting);
  const tags: string[] = [];
  const operators = [NAMES.oldSho, NAMES.newSho];

  function check(heard: Heard, text: string, direction: string): void {
    const { from, to, method, path } = heard;
    const where = `${direction} ${method} ${path.split('?', 1)[0]} ${from} > ${to}`;
    const isOwnHss = operators.some((sho) => from === sho && to === hssOf(sho));
    if (!isOwnHss && credentials.some((one) => text.includes(one))) broken('I6', `K or OPc in ${where}`);
    const mayHaveTag = operators.includes(to as never) && from.startsWith('owner');
    if (!mayHaveTag && tags.some((one) => text.includes(one))) broken('I6', `tag0 in ${where}`);
    if (operators.includes(to as never) && TO_NEW_SHO.some((one) => path.startsWith(one))) {
      checkOldSho(to, text, where);
    }
  }

  /** Names of the old operator, of its BSF and of its subscriptions: none of them reaches the new one. */
  function checkOldSho(newSho: string, text: string, where: string): void {
    for (const [m2meId, { impi }] of setting.subscriptions) {
      const { from, to } = setting.way(m2meId);
      if (to !== newSho) continue;
      for (const name of [from, bsfOf(from), impi]) {
        if (text.includes(name)) broken('I7', `${name} in ${where}`);
      }
    }
  }

  return {
    token(octets) {
      const tag = octets.subarray(-32);
      tags.push(tag.toString('hex'), tag.toString('latin1'), ...base64Forms(tag));
    },
    request: (heard) => check(heard, textOf(heard.path, heard.headers, heard.body), 'request'),
    answer(heard, { headers, body }) {
      const back = { ...heard, from: heard.to, to: heard.from };
      // The old SHO hands the token to the owner, and nobody else does.
      const toOwner = heard.from.startsWith('owner') && heard.path.startsWith('/owner/v1/releases');
      if (toOwner && ledger.releases.size > 0) return;
      check(back, textOf('', headers, body), 'answer to');
    },
  };
}

/** Octets as they are, with what is in base64 or hexadecimal left so: the forms looked for are all three. */
function textOf(path: string, headers: Readonly<Record<string, string>>, body: Buffer): string {
  return `${path}\n${Object.values(headers).join('\n')}\n${body.toString('latin1')}`;
}

/** How octets look inside longer base64 text, whatever stands before them. */
function base64Forms(octets: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), octets]).toString('base64');
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
}

function credentialsOf(setting: Setting): string[] {
  const all = [
    ...setting.subscriptions.values(),
    ...setting.plan.sho.flatMap(({ subscriptions }) => subscriptions.map(({ k, op = '' }) => ({ k, op }))),
  ];
  return all.flatMap(({ k, op }) => {
    const key = Buffer.from(k, 'hex');
    const opc = opcFromOp(SecretKey.copyOf(key), Buffer.from(op, 'hex')).bytes();
    return [key, opc].flatMap((one) => [one.toString('hex'), one.toString('latin1'), ...base64Forms(one)]);
  });
}
