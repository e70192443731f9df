import { Writable } from "node:stream";
import pino from "pino";
import type { Config } from "../../config/index.ts";
import type { Log } from "../../node/ports/index.ts";
import { secretFacts } from "../../protocols/words/log-words.ts";
import { guarded } from "./printable.ts";

/** The node's log, and the knob that changes its level while it runs. */
export interface LevelledLog extends Log {
  setLevel(level: Config["log"]["level"]): void;
  readonly level: Config["log"]["level"];
  readonly format: "json" | "pretty";
}

/** Logs to standard error, so that standard output stays for what was asked: JSON lines, or colours for a person.
 *  Each line is an event name and facts. */
export async function createLog(options: Config["log"]): Promise<LevelledLog> {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stderr.isTTY);
  const destination = pretty ? await prettyDestination() : pino.destination({ dest: 2, sync: true });
  // The reader of our log may end before us; that is no reason to end.
  destination.on("error", () => {});
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFacts.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
  return {
    debug: (event, facts) => logger.debug(facts ?? {}, event),
    info: (event, facts) => logger.info(facts ?? {}, event),
    warn: (event, facts) => logger.warn(facts ?? {}, event),
    error: (event, facts) => logger.error(facts ?? {}, event),
    setLevel(level) {
      logger.level = level;
    },
    get level() {
      return logger.level as Config["log"]["level"];
    },
    format: pretty ? "pretty" : "json",
  };
}

async function prettyDestination(): Promise<pino.DestinationStream & NodeJS.EventEmitter> {
  const { default: prettyStream } = await import("pino-pretty");
  const terminal = pino.destination({ dest: 2, sync: true });
  const colorize = process.stderr.isTTY && process.stderr.hasColors();
  return prettyStream({
    // Facts name what other people and nodes are called.
    destination: new Writable({
      write(line: Buffer, _encoding, done) {
        terminal.write(guarded(line.toString(), colorize));
        done();
      },
    }),
    messageKey: "event",
    translateTime: "SYS:HH:MM:ss.l",
    colorize,
    singleLine: true,
  });
}
