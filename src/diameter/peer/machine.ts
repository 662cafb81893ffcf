import { GbaError, type Random } from '../../base/index.ts';
import {
  type Avp,
  answerTo,
  CAPABILITIES_EXCHANGE,
  type Command,
  DEVICE_WATCHDOG,
  DISCONNECT_CAUSE,
  DISCONNECT_PEER,
  get,
  isSuccess,
  type Message,
  make,
  ORIGIN_HOST,
  ORIGIN_STATE_ID,
  originOf,
  RESULT,
  RESULT_CODE,
  resultOf,
} from '../codec/index.ts';
import { capabilitiesOf, commonApplications, type LocalNode, sameHost, winsElection } from './capabilities.ts';
import type { Identifiers } from './identifiers.ts';
import { createWatchdog, type LinkStatus, type Watchdog } from './watchdog.ts';

/** States of RFC 6733 5.6. */
export type PeerState =
  | 'closed'
  | 'wait-conn-ack'
  | 'wait-i-cea'
  | 'wait-conn-ack-elect'
  | 'wait-returns'
  | 'i-open'
  | 'r-open'
  | 'closing';

/** What happened. Connections are named by numbers; `message` is decoded and checked. */
export type PeerInput =
  | { kind: 'start' }
  | { kind: 'connected'; connection: number }
  /** Somebody connected to us and its CER names this peer. */
  | { kind: 'accepted'; connection: number; cer: Message }
  | { kind: 'message'; connection: number; message: Message }
  /** A connection has ended, or never came to be. */
  | { kind: 'closed'; connection: number }
  | { kind: 'stop' }
  | { kind: 'tick' };

export type PeerStatus = LinkStatus | 'down';

/** What has to be done. */
export type PeerAction =
  | { kind: 'connect'; connection: number }
  | { kind: 'send'; connection: number; message: Message }
  | { kind: 'close'; connection: number }
  | { kind: 'status'; status: PeerStatus }
  /** A message of an application. */
  | { kind: 'deliver'; connection: number; message: Message };

export interface PeerOptions {
  local: LocalNode;
  /** DiameterIdentity of the peer. */
  host: string;
  /** We connect; otherwise we wait for the peer to do so. */
  initiates: boolean;
  watchdogMs: number;
  ids: Identifiers;
  random: Random;
  /** Our address on a connection, for Host-IP-Address. */
  addressOf(connection: number): string;
}

export interface PeerMachine {
  readonly state: PeerState;
  readonly status: PeerStatus;
  /** The open connection, for messages of applications. */
  readonly connection: number | undefined;
  deadline(): number | undefined;
  step(input: PeerInput, now: number): PeerAction[];
}

/** Connecting and capabilities exchange. */
const ESTABLISH_MS = 10_000;
const CLOSING_MS = 5_000;
/** First reconnection after about this, doubling to Tc (RFC 6733 2.1). */
const RECONNECT_MS = 1_000;
const RECONNECT_MOST_MS = 30_000;
/** After BUSY or DO_NOT_WANT_TO_TALK_TO_YOU (RFC 6733 5.4.3). */
const UNWANTED_MS = 300_000;
const REBOOTING = 0;

const isCommand = (message: Message, command: Command): boolean =>
  message.application === command.application && message.code === command.code;

/** The state machine of one peer (RFC 6733 5.6), with watchdog (RFC 3539) and reconnection. Does nothing by itself. */
export function createPeerMachine(options: PeerOptions): PeerMachine {
  const { local, host, ids, random } = options;
  let state: PeerState = 'closed';
  let initiated: number | undefined;
  let accepted: { connection: number; cer: Message } | undefined;
  let open: { connection: number; since: number; watchdog: Watchdog } | undefined;
  /** End of patience in the waiting states and in `closing`, or time of the next attempt in `closed`. */
  let timer: number | undefined;
  let failures = 0;
  let everOpen = false;
  let stopped = false;
  /** The peer said in its DPR that it does not want us. */
  let unwanted = false;
  let shown: PeerStatus = 'down';
  let actions: PeerAction[] = [];

  const statusNow = (): PeerStatus =>
    state === 'i-open' || state === 'r-open' ? (open?.watchdog.status ?? 'down') : 'down';
  const send = (connection: number, message: Message): void => void actions.push({ kind: 'send', connection, message });
  const close = (connection: number | undefined): void => {
    if (connection !== undefined) actions.push({ kind: 'close', connection });
  };

  function request(command: Command, avps: readonly Avp[]): Message {
    return {
      code: command.code,
      application: command.application,
      request: true,
      proxiable: false,
      error: false,
      retransmitted: false,
      hopByHop: ids.hopByHop(),
      endToEnd: ids.endToEnd(),
      avps,
    };
  }
  const stateId = (): Avp => make(ORIGIN_STATE_ID, local.originStateId);
  const success = (): Avp => make(RESULT_CODE, RESULT.SUCCESS);

  function connect(now: number): void {
    initiated = ids.connection();
    state = 'wait-conn-ack';
    timer = now + ESTABLISH_MS;
    actions.push({ kind: 'connect', connection: initiated });
  }

  function sendCer(connection: number): void {
    send(connection, request(CAPABILITIES_EXCHANGE, capabilitiesOf(local, options.addressOf(connection))));
  }

  function sendCea(connection: number, cer: Message): void {
    send(connection, answerTo(cer, [success(), ...capabilitiesOf(local, options.addressOf(connection))]));
  }

  function becomeOpen(next: 'i-open' | 'r-open', connection: number, now: number): void {
    state = next;
    timer = undefined;
    unwanted = false;
    open = { connection, since: now, watchdog: createWatchdog(options.watchdogMs, random, !everOpen, now) };
    everOpen = true;
    watch(now);
  }

  /** The accepted connection is the one: answer its CER. */
  function takeAccepted(now: number): void {
    if (accepted === undefined) return;
    const { connection, cer } = accepted;
    sendCea(connection, cer);
    becomeOpen('r-open', connection, now);
  }

  /** Everything ends; the next attempt is planned. */
  function fall(now: number): void {
    close(initiated);
    close(accepted?.connection);
    failures = open !== undefined && now - open.since >= RECONNECT_MOST_MS ? 1 : failures + 1;
    initiated = undefined;
    accepted = undefined;
    open = undefined;
    state = 'closed';
    const wait = unwanted ? UNWANTED_MS : Math.min(RECONNECT_MOST_MS, RECONNECT_MS * 2 ** Math.min(failures - 1, 10));
    const spread = 0.75 + (random.bytes(2).readUInt16BE() / 0xffff) * 0.5;
    timer = stopped || !options.initiates ? undefined : now + Math.round(wait * spread);
  }

  function elect(now: number): void {
    if (winsElection(local.host, host)) {
      close(initiated);
      initiated = undefined;
      takeAccepted(now);
    } else {
      state = 'wait-returns';
    }
  }

  function onConnected(connection: number, now: number): void {
    if (connection !== initiated || (state !== 'wait-conn-ack' && state !== 'wait-conn-ack-elect')) {
      close(connection);
      return;
    }
    sendCer(connection);
    if (state === 'wait-conn-ack') state = 'wait-i-cea';
    else elect(now);
  }

  function onAccepted(connection: number, cer: Message, now: number): void {
    if (stopped || (state !== 'closed' && state !== 'wait-conn-ack' && state !== 'wait-i-cea')) {
      close(connection);
      return;
    }
    accepted = { connection, cer };
    if (state === 'closed') takeAccepted(now);
    else if (state === 'wait-conn-ack') state = 'wait-conn-ack-elect';
    else elect(now);
  }

  function onClosed(connection: number, now: number): void {
    if (connection === initiated) {
      initiated = undefined;
      if (state === 'wait-conn-ack-elect' || state === 'wait-returns') takeAccepted(now);
      else if (state !== 'r-open') fall(now);
      return;
    }
    if (connection !== accepted?.connection) return;
    accepted = undefined;
    if (state === 'wait-conn-ack-elect') state = 'wait-conn-ack';
    else if (state === 'wait-returns') state = 'wait-i-cea';
    else if (state !== 'i-open') fall(now);
  }

  /** Is this the CEA of the peer we meant, with something to talk about? */
  function accepts(message: Message): boolean {
    return (
      !message.request &&
      isCommand(message, CAPABILITIES_EXCHANGE) &&
      isSuccess(resultOf(message)) &&
      sameHost(get(message.avps, ORIGIN_HOST), host) &&
      commonApplications(local, message.avps).length > 0
    );
  }

  function onAnswerToCer(message: Message, now: number): void {
    if (accepts(message) && initiated !== undefined) {
      close(accepted?.connection);
      accepted = undefined;
      becomeOpen('i-open', initiated, now);
    } else if (state === 'wait-returns') {
      close(initiated);
      initiated = undefined;
      takeAccepted(now);
    } else {
      fall(now);
    }
  }

  function onMessage(connection: number, message: Message, now: number): void {
    if (open !== undefined && connection === open.connection) {
      if (state === 'closing') onMessageClosing(connection, message, now);
      else onMessageOpen(connection, message, now);
      return;
    }
    if (connection === initiated && (state === 'wait-i-cea' || state === 'wait-returns')) onAnswerToCer(message, now);
    else if (connection === accepted?.connection) {
      // Nothing may come before our CEA.
      close(connection);
      onClosed(connection, now);
    }
  }

  function onMessageOpen(connection: number, message: Message, now: number): void {
    const { request: isRequest } = message;
    open?.watchdog.received(!isRequest && isCommand(message, DEVICE_WATCHDOG), now);
    if (isCommand(message, DEVICE_WATCHDOG)) {
      if (isRequest) send(connection, answerTo(message, [success(), ...originOf(local), stateId()]));
    } else if (isCommand(message, DISCONNECT_PEER)) {
      if (!isRequest) return;
      unwanted = get(message.avps, DISCONNECT_CAUSE) !== REBOOTING;
      send(connection, answerTo(message, [success(), ...originOf(local)]));
      state = 'closing';
      timer = now + CLOSING_MS;
    } else if (isCommand(message, CAPABILITIES_EXCHANGE)) {
      if (isRequest) sendCea(connection, message);
    } else {
      actions.push({ kind: 'deliver', connection, message });
    }
  }

  function onMessageClosing(connection: number, message: Message, now: number): void {
    if (isCommand(message, DISCONNECT_PEER)) {
      if (message.request) send(connection, answerTo(message, [success(), ...originOf(local)]));
      else fall(now);
    } else if (!message.request) {
      actions.push({ kind: 'deliver', connection, message });
    }
  }

  function watch(now: number): void {
    if (open === undefined) return;
    const order = open.watchdog.tick(now);
    if (order === 'send') send(open.connection, request(DEVICE_WATCHDOG, [...originOf(local), stateId()]));
    if (order === 'close') fall(now);
  }

  function onTick(now: number): void {
    if (state === 'i-open' || state === 'r-open') {
      watch(now);
      return;
    }
    if (timer === undefined || now < timer) return;
    if (state === 'closed') connect(now);
    else fall(now);
  }

  function onStop(now: number): void {
    stopped = true;
    if (state === 'i-open' || state === 'r-open') {
      if (open !== undefined) {
        const cause = make(DISCONNECT_CAUSE, REBOOTING);
        send(open.connection, request(DISCONNECT_PEER, [...originOf(local), cause]));
      }
      state = 'closing';
      timer = now + CLOSING_MS;
    } else if (state !== 'closing') {
      fall(now);
    }
  }

  function handle(input: PeerInput, now: number): void {
    switch (input.kind) {
      case 'start':
        if (state !== 'closed' || stopped) throw new GbaError('invalid-transition', `start in state ${state}`);
        if (options.initiates) connect(now);
        break;
      case 'connected':
        onConnected(input.connection, now);
        break;
      case 'accepted':
        onAccepted(input.connection, input.cer, now);
        break;
      case 'message':
        onMessage(input.connection, input.message, now);
        break;
      case 'closed':
        onClosed(input.connection, now);
        break;
      case 'stop':
        onStop(now);
        break;
      case 'tick':
        onTick(now);
        break;
    }
  }

  return {
    get state() {
      return state;
    },
    get status() {
      return statusNow();
    },
    get connection() {
      return state === 'i-open' || state === 'r-open' ? open?.connection : undefined;
    },
    deadline: () => (state === 'i-open' || state === 'r-open' ? open?.watchdog.deadline() : timer),
    step(input, now) {
      actions = [];
      handle(input, now);
      const status = statusNow();
      if (status !== shown) {
        shown = status;
        actions.push({ kind: 'status', status });
      }
      return actions;
    },
  };
}
