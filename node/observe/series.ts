/** Which figures of a node are kept over a day, and what they are made of. */
import type { HistorySeries } from "../../protocols/index.ts";

type Labels = Readonly<Record<string, string>>;

/** Where a figure comes from: how much a counter grew in a second; the number of observations in a second, their mean,
 *  or what 99 of 100 stayed below; the newest value of a gauge, or of a figure that the node reads itself. */
type Source =
  | {
      readonly take: "rate" | "observed" | "mean" | "p99";
      readonly metric: string;
      readonly only?: (labels: Labels) => boolean;
    }
  | { readonly take: "gauge"; readonly metric: string }
  | { readonly take: "reading" };

/** One series and its source. */
export type SeriesRow = HistorySeries & { readonly from: Source };

const isFault = ({ status = "" }: Labels): boolean => status.startsWith("5");

/** Every series, as charts are shown in this order. */
export const seriesRows = [
  {
    name: "requests",
    title: "HTTP requests",
    unit: "perSecond",
    together: "sum",
    from: { take: "observed", metric: "gateway_request" },
  },
  {
    name: "requestFaults",
    title: "HTTP requests that failed (5xx)",
    unit: "perSecond",
    together: "sum",
    from: { take: "observed", metric: "gateway_request", only: isFault },
  },
  {
    name: "requestMeanMs",
    title: "Time of an HTTP request, mean",
    unit: "milliseconds",
    together: "max",
    from: { take: "mean", metric: "gateway_request" },
  },
  {
    name: "requestP99Ms",
    title: "Time of an HTTP request, 99 of 100 below",
    unit: "milliseconds",
    together: "max",
    from: { take: "p99", metric: "gateway_request" },
  },
  {
    name: "connections",
    title: "Connected clients",
    unit: "count",
    together: "sum",
    from: { take: "gauge", metric: "gateway_connections" },
  },
  {
    name: "eventsSent",
    title: "Events sent to clients",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "gateway_events_sent" },
  },
  {
    name: "turns",
    title: "Turns of actors",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "turns" },
  },
  {
    name: "actors",
    title: "Actors in memory",
    unit: "count",
    together: "sum",
    from: { take: "gauge", metric: "actors_in_memory" },
  },
  {
    name: "deadLetters",
    title: "Dead letters",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "dead_letters" },
  },
  {
    name: "crashes",
    title: "Crashes of actors",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "actor_crashes" },
  },
  {
    name: "entries",
    title: "Entries of the journal",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "journal_entries" },
  },
  {
    name: "commitMeanMs",
    title: "Time of a commit of the journal, mean",
    unit: "milliseconds",
    together: "max",
    from: { take: "mean", metric: "journal_commit" },
  },
  {
    name: "commitP99Ms",
    title: "Time of a commit of the journal, 99 of 100 below",
    unit: "milliseconds",
    together: "max",
    from: { take: "p99", metric: "journal_commit" },
  },
  {
    name: "meshBytes",
    title: "Sent to other nodes",
    unit: "bytesPerSecond",
    together: "sum",
    from: { take: "rate", metric: "mesh_sent_bytes" },
  },
  {
    name: "envelopesWaiting",
    title: "Messages that wait for another node",
    unit: "count",
    together: "sum",
    from: { take: "gauge", metric: "routing_envelopes_waiting" },
  },
  {
    name: "generations",
    title: "Answers of models",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "generations" },
  },
  {
    name: "promptTokens",
    title: "Tokens read by models",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "tokens_prompt" },
  },
  {
    name: "completionTokens",
    title: "Tokens written by models",
    unit: "perSecond",
    together: "sum",
    from: { take: "rate", metric: "tokens_completion" },
  },
  {
    name: "firstTextMs",
    title: "Time to the first text of a model, mean",
    unit: "milliseconds",
    together: "max",
    from: { take: "mean", metric: "generation_first_text" },
  },
  { name: "cores", title: "Processor", unit: "cores", together: "sum", from: { take: "reading" } },
  { name: "busyShare", title: "Event loop busy", unit: "share", together: "max", from: { take: "reading" } },
  {
    name: "lagMs",
    title: "Delay of the event loop, 99 of 100 below",
    unit: "milliseconds",
    together: "max",
    from: { take: "reading" },
  },
  { name: "memoryBytes", title: "Memory", unit: "bytes", together: "sum", from: { take: "reading" } },
  {
    name: "diskFreeBytes",
    title: "Free on the disk of the data folder",
    unit: "bytes",
    together: "sum",
    from: { take: "reading" },
  },
] as const satisfies readonly SeriesRow[];

/** The readings that a node takes of its own process and disk at the end of each step. */
export type Readings = Partial<
  Readonly<Record<"cores" | "busyShare" | "lagMs" | "memoryBytes" | "diskFreeBytes", number>>
>;
