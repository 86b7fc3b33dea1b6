/** Writes one record: variables as fields, then a constant message. */
export type LogFn = (fields: object, message: string) => void;

/** The part of pino that the house uses; the root is made in `daemon/`. */
export interface Logger {
  readonly error: LogFn;
  readonly warn: LogFn;
  readonly info: LogFn;
  readonly debug: LogFn;
  child(bindings: { module: string }): Logger;
}

/** Drops everything. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => silentLogger,
};
