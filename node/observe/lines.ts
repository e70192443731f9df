/** The newest lines of this node's log, in memory. */
import {
  logLevels,
  secretFacts,
  type LogFact,
  type LogFilter,
  type LogLevel,
  type LogLine,
} from "../../protocols/index.ts";
import type { Clock, Log } from "../ports/index.ts";
import { observeLimits, type ObserveLimits } from "./limits.ts";

/** A log whose lines are kept as well as printed. */
export interface Lines {
  readonly log: Log;
  /** Lines that fit, the oldest first: behind `after`, or without it the newest. `last` is the number of the newest
   *  line that was looked at: what is behind it was not. */
  readonly read: (filter: LogFilter, page: { readonly after?: number; readonly limit: number }) => LinesPage;
}

/** Some lines. */
interface LinesPage {
  readonly lines: readonly LogLine[];
  readonly last: number;
  readonly more: boolean;
}

type Facts = Readonly<Record<string, unknown>>;

const secret = new Set(secretFacts);
const rank = Object.fromEntries(logLevels.map((level, at) => [level, at])) as Readonly<Record<LogLevel, number>>;
/** Whether a log of one level prints a line of another. */
const isOn = (level: LogLevel, least: LogLevel | "silent"): boolean => least !== "silent" && rank[level] >= rank[least];

/** Keeps what `inner` prints. `level` says from which level on it does. */
export function keepLines(
  inner: Log,
  ports: { readonly clock: Clock; level?(): LogLevel | "silent"; readonly limits?: Partial<ObserveLimits> },
): Lines {
  const limits = { ...observeLimits, ...ports.limits };
  const { clock } = ports;
  /** A ring: the oldest is at `start`. */
  const ring: (Kept | undefined)[] = [];
  let start = 0;
  let count = 0;
  let chars = 0;
  let last = 0;

  const dropOldest = (): void => {
    chars -= ring[start]?.chars ?? 0;
    ring[start] = undefined;
    start = (start + 1) % limits.logLinesMax;
    count -= 1;
  };
  const keep = (level: LogLevel, event: string, facts: Facts = {}): void => {
    const atMs = Math.max(0, Math.floor(clock.nowMs()));
    // Numbers that rise over the starts of a process without a place where they are kept: microseconds, at most one
    // line in each.
    last = Math.max(last + 1, atMs * 1_000);
    const plain = plainFacts(facts, limits);
    const line = { seq: last, atMs, level, event: event.slice(0, 200), facts: plain.facts };
    const kept = { line, chars: event.length + plain.chars };
    while (count > 0 && (count >= limits.logLinesMax || chars + kept.chars > limits.logCharsMax)) dropOldest();
    ring[(start + count) % limits.logLinesMax] = kept;
    count += 1;
    chars += kept.chars;
  };
  const at =
    (level: LogLevel) =>
    (event: string, facts?: Facts): void => {
      if (isOn(level, ports.level?.() ?? "info")) keep(level, event, facts);
      inner[level](event, facts);
    };
  return {
    log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
    read(filter, { after, limit }) {
      const found: LogLine[] = [];
      let size = 0;
      const lineAt = (index: number): Kept => ring[(start + index) % limits.logLinesMax] as Kept;
      const take = ({ line, chars: lineChars }: Kept): boolean => {
        if (!fits(line, filter)) return true;
        if (found.length >= limit || (found.length > 0 && size + lineChars > limits.pageCharsMax)) return false;
        found.push(line);
        size += lineChars;
        return true;
      };
      if (after === undefined) {
        let index = count - 1;
        while (index >= 0 && take(lineAt(index))) index -= 1;
        return { lines: found.toReversed(), last, more: index >= 0 };
      }
      let index = firstBehind(after, count, (one) => lineAt(one).line.seq);
      while (index < count && take(lineAt(index))) index += 1;
      return {
        lines: found,
        last: index < count ? (found.at(-1)?.seq ?? after) : Math.max(last, after),
        more: index < count,
      };
    },
  };
}

interface Kept {
  readonly line: LogLine;
  readonly chars: number;
}

/** The first of `count` rising numbers that is greater. */
function firstBehind(after: number, count: number, seqAt: (index: number) => number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqAt(middle) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

const fits = (line: LogLine, { level = "debug", name = "", about, sinceMs = 0 }: LogFilter): boolean =>
  rank[line.level] >= rank[level] &&
  line.atMs >= sinceMs &&
  line.event.startsWith(name) &&
  (about === undefined || Object.values(line.facts).includes(about));

/** Facts as plain values of bounded length, without those that are called like a secret. */
function plainFacts(
  facts: Facts,
  { factsMax, factCharsMax }: Pick<ObserveLimits, "factsMax" | "factCharsMax"> = observeLimits,
): { readonly facts: Readonly<Record<string, LogFact>>; readonly chars: number } {
  const plain: Record<string, LogFact> = {};
  let chars = 0;
  for (const [name, value] of Object.entries(facts).slice(0, factsMax)) {
    if (value === undefined) continue;
    const shown = secret.has(name) ? "[secret]" : plainFact(value, factCharsMax);
    const key = name.slice(0, 100);
    plain[key] = shown;
    chars += key.length + (typeof shown === "string" ? shown.length : 8);
  }
  return { facts: plain, chars };
}

function plainFact(value: unknown, factCharsMax: number): LogFact {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return value.slice(0, factCharsMax);
  if (value instanceof Error) return (value.stack ?? String(value)).slice(0, factCharsMax);
  try {
    const withoutSecrets = (name: string, inner: unknown): unknown =>
      secret.has(name)
        ? "[secret]"
        : typeof inner === "bigint"
          ? String(inner)
          : inner instanceof Error
            ? inner.message
            : inner;
    return (JSON.stringify(value, withoutSecrets) ?? String(value)).slice(0, factCharsMax);
  } catch {
    // A value that contains itself must not make the log fail.
    return "[not JSON]";
  }
}
