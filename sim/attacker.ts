import type { Dice } from './dice.ts';
import type { SimAnswer } from './exchange.ts';
import type { Faults } from './faults.ts';
import type { Kernel } from './kernel.ts';
import type { Heard, SimNet } from './net.ts';
import type { Setting } from './setting.ts';

const REMEMBERED = 200;
const MEAN_MS = 20_000;

/** Whoever listens on the wire: says again what he heard, as it was or changed, and puts old answers in the place of new ones. */
export interface Attacker {
  hears(heard: Heard): void;
  /** Answers that no TLS protects may come from him. */
  swaps(heard: Heard, answer: SimAnswer): SimAnswer;
  begin(): void;
}

export function createAttacker(
  world: { kernel: Kernel; dice: Dice; faults: Faults; net(): SimNet },
  setting: Setting,
  rate: number,
): Attacker {
  const { kernel, dice, faults } = world;
  const heard: Heard[] = [];
  const answers: SimAnswer[] = [];
  let attacks = 0;
  let swaps = 0;

  function attack(): void {
    const key = `attack ${++attacks}`;
    const one = heard[dice.whole(`${key} which`, 0, Math.max(0, heard.length - 1))];
    if (one !== undefined) {
      const how = dice.pick(`${key} how`, ['again', 'stranger', 'body', 'header'] as const);
      const what = `attacker says ${one.method} ${one.path.split('?', 1)[0]} of ${one.from} to ${one.to}: ${how}`;
      if (faults.happens(key, 1, what)) world.net().inject(disguise(one, key, how), () => undefined);
    }
    if (!faults.over) kernel.after(dice.whole(`${key} pause`, 100, 2 * MEAN_MS), attack);
  }

  function disguise(one: Heard, key: string, how: string): Heard {
    switch (how) {
      // TLS keeps its own records from being said again: what he can do is say the same on a connection of his.
      case 'again':
        return { ...one, from: 'nobody', certificate: undefined };
      case 'stranger':
        return { ...one, from: 'stranger', certificate: setting.strangerCertificate };
      case 'body':
        return { ...mutated(one, key), from: 'stranger', certificate: setting.strangerCertificate };
      default: {
        const headers = Object.fromEntries(
          Object.entries(one.headers).map(([name, value]) => [
            name,
            name === 'authorization' ? swapDigit(value, dice.fraction(key)) : value,
          ]),
        );
        return { ...one, headers, from: 'stranger', certificate: setting.strangerCertificate };
      }
    }
  }

  function mutated(one: Heard, key: string): Heard {
    if (one.body.length === 0) return one;
    const body = Buffer.from(one.body);
    const at = Math.floor(dice.fraction(`${key} where`) * body.length);
    body[at] = (body[at] ?? 0) ^ (1 << dice.whole(`${key} bit`, 0, 7));
    return { ...one, body };
  }

  return {
    hears(one) {
      if (rate === 0) return;
      if (heard.length >= REMEMBERED) heard.splice(dice.whole(`forget ${heard.length}`, 0, REMEMBERED - 1), 1);
      heard.push(one);
    },
    swaps(one, answer) {
      if (rate === 0 || !one.to.startsWith('bsf.')) return answer;
      answers.push(answer);
      const key = `swap ${++swaps} answer to ${one.from}`;
      const other = answers[dice.whole(`${key} which`, 0, answers.length - 1)];
      return other !== undefined && faults.happens(key, rate / 4, `attacker gives ${one.from} an older answer`)
        ? other
        : answer;
    },
    begin() {
      if (rate > 0) kernel.after(MEAN_MS, attack);
    },
  };
}

function swapDigit(text: string, where: number): string {
  const at = Math.floor(where * text.length);
  const old = text[at] ?? '';
  return `${text.slice(0, at)}${old === '0' ? '1' : '0'}${text.slice(at + 1)}`;
}
