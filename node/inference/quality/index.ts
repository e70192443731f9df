/** How good the answers of models are over time, and whether they get worse.
 *
 *      calls of this node ─► watched (below the routes: the model that is called) ─► hours of a week, by model, version
 *      thumbs of people   ─► rated                                                     │        └─► a file, each minute
 *                                                                                      ▼
 *                  other nodes ──quality.read──► sums of all nodes ─► `worsened` (series.ts) ─► view of admins
 *                                                own sums, each minute ─► a line of the log and a metric, once a change
 *
 *  A crash loses what was counted since the last write. A figure is no more than what was seen: a node that called a
 *  model twice says nothing of it. docs/decisions/0040-answers-of-several-models.md has the choice. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  failureOf,
  ok,
  refused,
  qualityCount,
  qualitySums,
  type GenerationAnswer,
  type QualityAlert,
  type QualityCount,
  type QualityFigures,
  type QualityRow,
  type QualityView,
} from "../../../protocols/index.ts";
import type { Engines } from "../../../runtimes/engine.ts";
import { askEach, type Exchange } from "../../cluster/exchange/index.ts";
import type { Clock, Log, Membership, Meter, NodeId } from "../../ports/index.ts";
import { qualityLimits, type QualityLimits } from "./limits.ts";
import {
  both,
  countIn,
  isRefusal,
  middleOf,
  refusalChars,
  sumsAt,
  takeBack,
  windowsOf,
  withoutBack,
  worsened,
  type Counting,
  type Hour,
} from "./series.ts";

export { qualityLimits } from "./limits.ts";

/** Where the counts lie between two starts. */
export interface QualityFile {
  /** Undefined: there is none, or none that is fit to be read. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** What somebody thought of an answer. */
interface Rating {
  /** Names the change: repeated under it, it counts once. Absent: it is not repeated. */
  readonly operation?: string;
  readonly model: string;
  readonly from: Thumb | undefined;
  readonly to: Thumb | undefined;
}
type Thumb = "up" | "down";

export interface QualityPorts {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly membership: Pick<Membership, "members" | "isUp">;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent: it is memory only. */
  readonly file?: QualityFile;
  readonly limits?: Partial<QualityLimits>;
}

/** Watches. */
export interface Quality {
  /** Engines whose generations are counted. */
  watched(inner: Engines): Engines;
  rated(rating: Rating): void;
  /** What all nodes have counted. */
  view(): Promise<QualityView>;
  /** Reads what was kept. */
  start(): void;
  /** Writes what there is, and ends. */
  stop(): Promise<void>;
}

interface Series {
  readonly model: string;
  readonly version: string;
  readonly hours: Hour[];
  /** What was said last of it. */
  alerts: string;
}

/** Errors that say nothing of the model: the caller gave up, or asked for what cannot be. */
const notItsFault = new Set([
  "CANCELLED",
  "STOPPING",
  "BAD_REQUEST",
  "TOO_LARGE",
  "CONTEXT_TOO_LONG",
  "MODEL_UNSUPPORTED",
  "MODEL_NOT_FOUND",
  "BUDGET_EXCEEDED",
]);

const hourMs = 3_600_000;
const form = 1;

/** Makes it. */
export function createQuality(ports: QualityPorts): Quality {
  const { node, exchange, membership, clock, log, meter, file } = ports;
  const limits: QualityLimits = { ...qualityLimits, ...ports.limits };
  /** By use, the longest unused first. */
  const all = new Map<string, Series>();
  const ratings = new Set<string>();
  let last = "";
  let changed = false;
  let isNext = false;
  let stopped = false;
  let cancelTimer = (): void => undefined;
  let writing: Promise<void> = Promise.resolve();

  const hourNow = (): number => Math.floor(clock.nowMs() / hourMs);
  const nameOf = (model: string, version: string): string => `${model}\n${version}`;

  const count = (model: string, version: string, add: (sums: Counting) => void): void => {
    const name = nameOf(model, version);
    const series = all.get(name) ?? { model, version, hours: [], alerts: "" };
    if (last !== name) {
      all.delete(name);
      all.set(name, series);
      last = name;
    }
    for (const [oldest] of all) {
      if (all.size <= limits.seriesMax) break;
      all.delete(oldest);
    }
    add(sumsAt(series.hours, hourNow(), limits));
    changed = true;
    next();
  };

  /** The newest version of a model that was called: the one that a thumb is for. */
  const newestOf = (model: string): string | undefined =>
    [...all.values()].findLast((one) => one.model === model)?.version;

  const countsOf = (): readonly QualityCount[] =>
    [...all.values()].map(({ model, version, hours }) => ({ model, version, ...windowsOf(hours, hourNow(), limits) }));

  exchange.on("quality.read", () => Promise.resolve(ok({ counts: [...countsOf()] })));

  /** Says what got worse, or well again, once. */
  const look = (): void => {
    let worse = 0;
    for (const { model, version, recent, past } of countsOf()) {
      const alerts = worsened(recent, past);
      worse += alerts.length;
      const series = all.get(nameOf(model, version));
      const said = alerts.map(({ what }) => what).join(", ");
      if (series === undefined || series.alerts === said) continue;
      series.alerts = said;
      if (said === "") log.info("model.quality.restored", { model, version });
      else log.warn("model.quality.worse", { model, version, what: said, now: alerts.map(told) });
    }
    meter.gauge("model_quality_alerts", worse);
  };

  const write = (): Promise<void> => {
    const isNew = changed;
    changed = false;
    if (file === undefined || !isNew) return Promise.resolve();
    const series = [...all.values()].map(({ model, version, hours }) => ({ model, version, hours }));
    return file.write(JSON.stringify({ form, series })).catch((error: unknown) => {
      changed = true;
      log.warn("model.quality.unwritten", { failure: failureOf(error) });
    });
  };

  /** Looks and writes while there is something new; a node that calls no models has nothing to do. */
  const next = (): void => {
    if (stopped || !changed || isNext) return;
    isNext = true;
    cancelTimer = clock.after(limits.writeMs, () => {
      isNext = false;
      look();
      writing = write().finally(next);
    });
  };

  return {
    watched(inner) {
      let versions: ReadonlyMap<string, string> | undefined;
      inner.generate.watch(() => (versions = undefined));
      const version = (model: string): string => {
        versions ??= new Map(inner.generate.models().map((info) => [info.model, info.version ?? ""]));
        return versions.get(model) ?? "";
      };
      return {
        ...inner,
        generate: {
          models: () => inner.generate.models(),
          watch: (listener) => inner.generate.watch(listener),
          call(request, hear) {
            const sinceMs = clock.monotonicMs();
            let firstMs: number | undefined;
            let beginning = "";
            return inner.generate.call(request, (said) => {
              if (said.type === "part") {
                firstMs ??= clock.monotonicMs();
                if (beginning.length < refusalChars) beginning += said.part.text;
                return hear(said);
              }
              const { result } = said;
              const took = { sinceMs, firstMs, nowMs: clock.monotonicMs(), beginning };
              if (result.ok)
                count(request.model, version(request.model), (sums) => addAnswer(sums, result.value, took));
              else if (!notItsFault.has(result.error.code)) count(request.model, version(request.model), addFailure);
              hear(said);
            });
          },
        },
      };
    },
    rated({ operation, model, from, to }) {
      if (from === to || (operation !== undefined && ratings.has(operation))) return;
      if (operation !== undefined) ratings.add(operation);
      for (const oldest of ratings) {
        if (ratings.size <= limits.ratingsMax) break;
        ratings.delete(oldest);
      }
      if (from !== undefined) {
        // In whichever version it was counted; one of another node, or of more than a week ago, is taken from the sums
        // of all.
        const isHere = [...all.values()].reverse().some((one) => one.model === model && takeBack(one.hours, from));
        if (isHere) changed = true;
        else count(model, newestOf(model) ?? "", (sums) => void (sums[`${from}Back`] = (sums[`${from}Back`] ?? 0) + 1));
        next();
      }
      if (to !== undefined) count(model, newestOf(model) ?? "", (sums) => void (sums[to] += 1));
    },
    async view() {
      const { said, silent } = await askEach(membership.members().members, async (member) => {
        if (member.node === node) return ok({ counts: countsOf() });
        if (membership.isUp(member.node)) return exchange.call(member.node, "quality.read", {}, limits.askMs);
        return member.state === "active" ? refused(failure("UNREACHABLE")) : ok({ counts: [] });
      });
      const unanswered = silent.map(([{ name }]) => name);
      const rows = rowsOf(said.flatMap(([, { counts }]) => counts));
      return { rows, ...(unanswered.length > 0 && { unanswered }) };
    },
    start() {
      file?.read().then(
        (text) => {
          for (const { model, version, hours } of text === undefined ? [] : readSeries(text, limits))
            if (!all.has(nameOf(model, version)))
              all.set(nameOf(model, version), { model, version, hours: [...hours], alerts: "" });
        },
        // There is none yet, or none that can be read: counting begins anew.
        () => undefined,
      );
    },
    async stop() {
      stopped = true;
      cancelTimer();
      await writing;
      await write();
    },
  };
}

/** Tokens of an answer from which it has a pace. */
const paceTokensMin = 16;

interface Took {
  readonly sinceMs: number;
  readonly firstMs: number | undefined;
  readonly nowMs: number;
  readonly beginning: string;
}

function addAnswer(sums: Counting, answer: GenerationAnswer, { sinceMs, firstMs, nowMs, beginning }: Took): void {
  sums.calls += 1;
  if (firstMs !== undefined) countIn(sums.first, firstMs - sinceMs);
  // One that was stopped, or waits for a tool, says nothing of how long answers are.
  if (answer.end !== "complete" && answer.end !== "length") return;
  sums.answers += 1;
  sums.tokens += answer.completionTokens;
  if (isRefusal(beginning)) sums.refused += 1;
  // Of a few words, which come in two or three pieces, a pace says nothing.
  if (firstMs !== undefined && answer.completionTokens >= paceTokensMin)
    countIn(sums.pace, (100 * (nowMs - firstMs)) / (answer.completionTokens - 1));
}

function addFailure(sums: Counting): void {
  sums.calls += 1;
  sums.failed += 1;
}

/** Shares, middles and means of sums. */
function figuresOf({
  calls,
  failed,
  refused,
  tokens,
  answers,
  first,
  pace,
  up,
  down,
}: QualityCount["recent"]): QualityFigures {
  const firstMs = middleOf(first);
  const paceMs = middleOf(pace);
  return {
    calls,
    up,
    down,
    ...(calls > 0 && { errorShare: failed / calls }),
    ...(answers > 0 && { refusalShare: refused / answers, tokensPerAnswer: tokens / answers }),
    ...(firstMs !== undefined && { firstMs }),
    ...(paceMs !== undefined && paceMs > 0 && { tokensPerSecond: 100_000 / paceMs }),
  };
}

/** What all nodes have counted, by model and version; those that got worse first. */
function rowsOf(counts: readonly QualityCount[]): readonly QualityRow[] {
  const sums = new Map<string, QualityCount>();
  for (const one of counts) {
    const name = `${one.model}\n${one.version}`;
    const known = sums.get(name);
    sums.set(
      name,
      known === undefined ? one : { ...one, recent: both(known.recent, one.recent), past: both(known.past, one.past) },
    );
  }
  return [...sums.values()]
    .map((one) => ({ ...one, ...withoutBack(one) }))
    .map(({ model, version, recent, past }): QualityRow => ({
      model,
      version,
      now: figuresOf(recent),
      before: figuresOf(past),
      alerts: worsened(recent, past),
    }))
    .filter(({ now, before }) => now.calls + before.calls + now.up + now.down + before.up + before.down > 0)
    .toSorted(
      (one, other) =>
        Number(other.alerts.length > 0) - Number(one.alerts.length > 0) ||
        (one.model < other.model ? -1 : one.model > other.model ? 1 : one.version < other.version ? -1 : 1),
    );
}

const told = ({ what, before, now }: QualityAlert): string => `${what}: ${rounded(before)} to ${rounded(now)}`;
const rounded = (value: number): number => Number(value.toPrecision(3));

const kept = checkOf(
  Type.Object({
    form: Type.Literal(form),
    series: Type.Array(
      Type.Object({
        model: qualityCount.properties.model,
        version: qualityCount.properties.version,
        hours: Type.Array(Type.Object({ hour: Type.Integer({ minimum: 0 }), sums: qualitySums }), { maxItems: 1_024 }),
      }),
      { maxItems: 1_024 },
    ),
  }),
);

/** What a file says; nothing where it is none of this version. */
export function readSeries(
  text: string,
  { seriesMax }: Pick<QualityLimits, "seriesMax">,
): readonly Omit<Series, "alerts">[] {
  try {
    const value: unknown = JSON.parse(text);
    return kept.Check(value) ? (value.series as unknown as Omit<Series, "alerts">[]).slice(-seriesMax) : [];
  } catch {
    return [];
  }
}
