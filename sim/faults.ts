import type { Dice } from './dice.ts';
import type { Kernel, Life } from './kernel.ts';

/** How often what goes wrong in one run; 0: never. Probabilities per occasion. */
export interface Profile {
  loss: number;
  duplicate: number;
  /** An answer that comes after its asker has stopped waiting. */
  late: number;
  /** Longest way of an ordinary message, milliseconds: long ones overtake each other. */
  slowestMs: number;
  /** Parties that lose power, and how often at each of their durable writes and messages. */
  victims: readonly string[];
  kill: number;
  storeTrouble: number;
  /** Whoever listens says again what he heard, as it was or changed. */
  attack: number;
}

/** One thing that went wrong; `key` names the occasion, the same in every run of this seed that comes to it. */
export interface Fault {
  key: string;
  what: string;
  step: number;
}

/** Kills of one run, so that it ends. */
const MOST_KILLS = 24;

/** Decides what goes wrong, by name of the occasion, and remembers it. */
export class Faults {
  readonly fired: Fault[] = [];
  /** No more faults: from now on everything must come to its end. */
  over = false;
  onKill: (life: Life) => void = () => undefined;
  onFault: (fault: Fault) => void = () => undefined;
  readonly #dice: Dice;
  readonly #profile: Profile;
  readonly #kernel: Kernel;
  readonly #keep: (key: string) => boolean;
  #kills = 0;

  constructor(dice: Dice, profile: Profile, kernel: Kernel, keep: (key: string) => boolean = () => true) {
    this.#dice = dice;
    this.#profile = profile;
    this.#kernel = kernel;
    this.#keep = keep;
  }

  happens(key: string, probability: number, what: string): boolean {
    if (this.over || !this.#dice.chance(key, probability) || !this.#keep(key)) return false;
    const fault = { key, what, step: this.#kernel.steps };
    this.fired.push(fault);
    this.onFault(fault);
    return true;
  }

  /** True when the party has lost its power at this very point. */
  kills(life: Life, point: string): boolean {
    if (!life.alive) return true;
    const { victims, kill } = this.#profile;
    if (!victims.includes(life.name) || this.#kills >= MOST_KILLS) return false;
    if (!this.happens(`kill ${point}`, kill, `${life.name} loses power`)) return false;
    this.#kills++;
    life.alive = false;
    this.onKill(life);
    return true;
  }

  storeTrouble(commit: string): 'not-written' | 'written' | undefined {
    const key = `store ${commit}`;
    if (!this.happens(key, this.#profile.storeTrouble, `the store does not answer at ${commit}`)) return undefined;
    return this.#dice.pick(`${key} how`, ['not-written', 'written']);
  }

  syncMs(commit: string): number {
    return this.#dice.whole(`sync ${commit}`, 1, 12);
  }

  lost(message: string): boolean {
    return this.happens(`lose ${message}`, this.#profile.loss, `lost: ${message}`);
  }

  doubled(message: string): boolean {
    return this.happens(`double ${message}`, this.#profile.duplicate, `comes twice: ${message}`);
  }

  late(message: string): boolean {
    return this.happens(`late ${message}`, this.#profile.late, `late: ${message}`);
  }

  wayMs(message: string): number {
    return this.#dice.whole(`way ${message}`, 1, this.over ? 20 : this.#profile.slowestMs);
  }
}
