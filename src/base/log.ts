import pino from 'pino';

export type LogFields = Record<string, string | number | boolean | undefined | readonly string[]>;

/** One line an event: a stable event name, then names, ids, lengths and codes. Never keys, RES, bodies or headers. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

/** Field names that are blanked even when somebody logs them by mistake. */
const SECRET_FIELDS = [
  'k',
  'op',
  'opc',
  'ck',
  'ik',
  'ks',
  'ksNaf',
  'res',
  'xres',
  'password',
  'tag0',
  'r',
  'authorization',
  'key',
];

export function createLog(options: { level?: string; name?: string; toStderr?: boolean } = {}): Log {
  const destination = pino.destination({ dest: options.toStderr === false ? 1 : 2, sync: true });
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: options.name === undefined ? {} : { name: options.name },
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      messageKey: 'event',
    },
    destination,
  );
  return wrap(logger);
}

function wrap(logger: pino.Logger): Log {
  return {
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
    child: (fields) => wrap(logger.child(fields)),
  };
}

export const silentLog: Log = { info() {}, warn() {}, error() {}, child: () => silentLog };
