import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, type Log, type Random, systemTimers, type Timers } from '../base/index.ts';
import { type Net, systemNet } from '../http/index.ts';
import type { Store } from '../store/index.ts';

/** One of the steps 0 to 14 has been done, durably, by `party`. */
export interface StepEvent {
  step: number;
  party: string;
  to?: string;
  what: string;
  serial?: string;
  /** Key identifier (`SecretKey.id()`), never a key. */
  keyId?: string;
}

/** What every network function is given: the world outside, so that tests and simulations can own it. */
export interface FunctionDeps {
  clock: Clock;
  random: Random;
  log: Log;
  /** Instead of sockets. */
  net?: Net;
  /** Instead of the event loop's. */
  timers?: Timers;
  /** Instead of the store that the configuration names. */
  store?: Store;
  onStep?: (event: StepEvent) => void;
  /** Called once for each server before it listens; may wrap its listener (tracing, taint tests). */
  wrap?: (
    server: string,
    listener: (req: IncomingMessage, res: ServerResponse) => void,
  ) => (req: IncomingMessage, res: ServerResponse) => void;
}

/** The ports that a function works with: those it was given, else the system's. */
export function portsOf({ net = systemNet, timers = systemTimers }: FunctionDeps): { net: Net; timers: Timers } {
  return { net, timers };
}
