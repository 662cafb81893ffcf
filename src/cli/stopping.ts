import { fail } from './fail.ts';

/** After this a close that hangs is not waited for any longer. */
const LONGEST_CLOSE_MS = 15_000;

/**
 * Closes on SIGINT and SIGTERM and ends with the exit code that `close` gives. A terminal and npm both send Ctrl-C, so the
 * second one is not an order to give up on closing.
 */
export function closeOnSignal(
  close: (signal: 'SIGINT' | 'SIGTERM') => Promise<number>,
  longestMs = LONGEST_CLOSE_MS,
): { readonly begun: boolean } {
  const state = { begun: false };
  const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (state.begun) return;
    state.begun = true;
    setTimeout(() => process.exit(1), longestMs).unref();
    close(signal).then((code) => process.exit(code), fail);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return state;
}

/** Ends the waiting when told to; what is journalled stays. */
export function stopOnSignal(): { signal: AbortSignal; code(): number | undefined } {
  const controller = new AbortController();
  let code: number | undefined;
  const stop = (exitCode: number) => (): void => {
    code ??= exitCode;
    controller.abort();
  };
  process.on('SIGINT', stop(130));
  process.on('SIGTERM', stop(143));
  return { signal: controller.signal, code: () => code };
}
