/** Words of the log, without schemas: for commands, which load no more than they use. */

/** Levels of a log, what matters least first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Names under which a fact of a log would be a secret. Callers do not log them; leaving them out is the second
 *  lock. */
export const secretFacts: readonly string[] = [
  "password",
  "token",
  "authorization",
  "cookie",
  "adminCode",
  "controlToken",
  "passwordHash",
];
