/** The watch over the cluster, on the real ports of a node. */
import { createHash } from "node:crypto";
import { totalmem } from "node:os";
import type { Config } from "../../config/index.ts";
import {
  auditDone,
  auditTexts,
  backupActor,
  failureOf,
  ok,
  PlexusError,
  watchActor,
  watchedCounts,
  wireLimits,
  type Alert,
  type AuditRecord,
  type CountSample,
  type Forecast,
  type MailOf,
  type PeoplePage,
  type PlaybookOrder,
  type PlaybookStep,
  type Result,
  type RuleBody,
  type RuleTried,
  type SeenEntry,
  type WatchedFigure,
  type WatchRow,
  byRule,
} from "../../protocols/index.ts";
import type { Audit } from "../audit/index.ts";
import type { NodeId } from "../ports/index.ts";
import type { Secrets } from "../keys/index.ts";
import { diskOf, postText, readSource } from "../platform/index.ts";
import { readPlaces, type AddressPlaces } from "../threats/index.ts";
import {
  actOn,
  createWatcher,
  forecastsIn,
  tryRule,
  watchLimits,
  type ActingPorts,
  type MailingPorts,
} from "./index.ts";
import { audit } from "../accounts/cluster-memory.ts";
import { commandLimits } from "../composition/limits.ts";
import type { Machine } from "../composition/machine.ts";
import type { Peer } from "../composition/peer.ts";

/** What the gateway has of it. */
interface WatchControl {
  /** What a rule would have found since then in the logs that are here. */
  tryRule(rule: RuleBody, sinceMs: number): Promise<RuleTried>;
  /** What becomes of what is remembered of nodes. */
  forecasts(rows: readonly WatchRow[]): readonly Forecast[];
  /** Where an address is, by the file of `addressPlaces`. */
  placeOf(address: string): string | undefined;
}

interface WatchParts {
  readonly machine: Pick<Machine, "clock" | "log" | "meter" | "random">;
  readonly node: string;
  readonly name: string;
  readonly peer: Pick<Peer, "kernel" | "routing" | "control" | "directory" | "exchange" | "membership">;
  readonly audit: Pick<Audit, "logs" | "readLog" | "write" | "read">;
  /** What this node has counted of these since it started. */
  readonly totals: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** The data folder. */
  readonly data: string;
  readonly mail: MailingPorts["mail"];
  readonly secrets: Pick<Secrets, "open">;
}

/** Begins it. */
export function openWatch(
  { addressPlaces }: Pick<Config, "addressPlaces">,
  at: WatchParts,
): WatchControl & { stop(): Promise<void> } {
  const { clock, log, meter, random } = at.machine;
  const { kernel, routing } = at.peer;
  const places = addressPlaces === undefined ? undefined : watchPlaces(addressPlaces, at.machine);
  const acting = actingPorts(at);
  const start = Buffer.from(random.bytes(8)).toString("hex");
  const watcher = createWatcher({
    runner: `${at.node}.${start}`,
    counts: countsOf(at, start),
    // Also where nobody has asked the actor anything yet: its slot comes about with the first question, which is the
    // watcher's.
    owns: () => routing.ownerOf(watchActor) === at.node,
    ask: (message, timeoutMs) => kernel.ask({ to: watchActor, from: "node", message, timeoutMs }),
    audit: at.audit,
    async tell(alert) {
      const facts = factsOf(alert);
      await at.audit.write({
        action: "alert",
        by: `node/${at.name}`,
        target: alert.about,
        outcome: auditDone,
        facts,
      });
      audit(kernel, { action: "alert", by: at.name, facts, tell: { people: [], admins: true } });
    },
    async act(order) {
      const done = await actOn(acting, order);
      audit(kernel, {
        action: "runPlaybook",
        by: at.name,
        facts: runFacts(order, done.steps),
        tell: { people: [], admins: true },
      });
      return done;
    },
    ...(places && { place: places.find }),
    clock,
    log,
    meter,
  });
  return {
    forecasts: forecastsIn,
    placeOf: (address) => places?.find(address)?.name,
    tryRule: (rule, sinceMs) => tryRule(rule, at.audit.read({ sinceMs }), sinceMs),
    async stop() {
      places?.stop();
      await watcher.stop();
    },
  };
}

/** An alert as the audit has it, and as admins are told of it. */
const factsOf = ({ id, source, severity, about, title }: Alert): Readonly<Record<string, string>> => ({
  alert: id,
  source,
  severity,
  about,
  title,
});

const runFacts = ({ run }: PlaybookOrder, steps: readonly PlaybookStep[]): Readonly<Record<string, string>> => ({
  playbook: run.playbook,
  run: run.id,
  alert: run.alert,
  about: run.about,
  mode: run.mode,
  steps: steps.map(({ do: what, status }) => `${what} ${status}`).join(", "),
});

/** Asks every node that is up for what it has counted, and answers others for this one. A node is called what the list
 *  of members calls it. */
function countsOf(
  { node, peer, totals, machine, data }: WatchParts,
  start: string,
): () => Promise<readonly CountSample[]> {
  const { exchange, membership } = peer;
  const figures = figuresOf({ node, peer, data });
  const own = async () => [
    ...[...(await totals(watchedCounts))].map(([name, count]) => ({ name, count })),
    ...Object.entries(figures()).map(([name, count]) => ({ name, count: Math.max(0, Math.floor(count)) })),
  ];
  exchange.on("watch.counts", async () => ok({ start, counts: await own() }));
  return async () => {
    const up = membership.members().members.filter((one) => one.node === node || membership.isUp(one.node));
    const all = await Promise.all(
      up.map(async (one): Promise<CountSample | undefined> => {
        const said =
          one.node === node
            ? ok({ start, counts: await own() })
            : await exchange.call(one.node, "watch.counts", {}, watchLimits.countsTimeoutMs);
        if (!said.ok) return undefined;
        const counts = Object.fromEntries(said.value.counts.map(({ name, count }) => [name, count]));
        return { node: one.name, start: said.value.start, atMs: Math.floor(machine.clock.nowMs()), counts };
      }),
    );
    return all.filter((one) => one !== undefined);
  };
}

/** How often the watch asks, in an hour. */
const looksAnHour = Math.ceil(3_600_000 / watchLimits.countsEveryMs);

/** What this node has left: of its disk, of memory as far as the system would give it, and of places of models, in the
 *  busiest moment of the last hour. */
function figuresOf(at: Pick<WatchParts, "node" | "data"> & { readonly peer: Pick<Peer, "membership"> }) {
  const { membership } = at.peer;
  const busy: number[] = [];
  return (): Readonly<Partial<Record<WatchedFigure, number>>> => {
    const disk = diskOf(at.data);
    const offers = membership.members().members.find(({ node }) => node === at.node)?.offers ?? [];
    const own = offers.filter(({ engine, provider }) => engine !== "scan" && provider === undefined);
    const places = own.reduce((sum, { places: of = 0 }) => sum + of, 0);
    busy.push(membership.heard(at.node as NodeId)?.load?.calls ?? 0);
    if (busy.length > looksAnHour) busy.shift();
    // Without a limit of its own the process has what the machine has.
    const limit = process.constrainedMemory();
    const memory = limit > 0 && limit < totalmem() ? limit : totalmem();
    return {
      ...(disk && { disk_bytes: disk.diskBytes, disk_free_bytes: disk.diskFreeBytes }),
      memory_bytes: memory,
      memory_free_bytes: Math.min(memory, process.availableMemory()),
      ...(places > 0 && { model_places: places, model_places_free: Math.max(0, places - Math.max(...busy)) }),
    };
  };
}

/** An entry as pages, mails and runs carry it. */
const seenOf = ({ atMs, action, by, target, address, outcome }: AuditRecord): SeenEntry => ({
  atMs,
  action,
  by: by.slice(0, auditTexts.name),
  ...(target !== undefined && { target: target.slice(0, auditTexts.name) }),
  ...(address !== undefined && { address: address.slice(0, auditTexts.name) }),
  outcome: outcome.slice(0, 64),
});

/** What playbooks act by. */
function actingPorts({ machine, name, peer, audit: own, mail, secrets }: WatchParts): ActingPorts {
  const { clock } = machine;
  const { kernel, control } = peer;
  const timeoutMs = commandLimits.actTimeoutMs;
  const toUser = (
    user: string,
    message: { readonly type: string; readonly [field: string]: unknown },
  ): Promise<Result<unknown>> => kernel.ask({ to: `user/${user}`, from: "gateway", message, timeoutMs });
  const demand = <Answer>(answer: Result<unknown>): Answer => {
    if (!answer.ok) throw new PlexusError(answer.error);
    return answer.value as Answer;
  };
  return {
    name,
    async holders(role) {
      const holders: string[] = [];
      for (let after: string | undefined, more = true; more;) {
        const message = { type: "people", ...(after !== undefined && { after }) };
        const asked = await kernel.ask({ to: "role-manager/cluster", from: "gateway", message, timeoutMs });
        const page = demand<PeoplePage>(asked);
        holders.push(...page.people.filter(({ roles }) => roles.includes(role)).map(({ user }) => user));
        after = page.people.at(-1)?.user;
        more = page.more && after !== undefined;
      }
      return holders;
    },
    async addressOf(user) {
      const { address, out } = demand<MailOf>(await toUser(user, { type: "mailOf" }));
      return out ? undefined : address;
    },
    mail,
    async entries(places) {
      const seen: SeenEntry[] = [];
      for (const place of places.slice(0, wireLimits.playbookSeenMax)) {
        const [, of = "", seq = ""] = place.split(".");
        const [entry] = await own.readLog(of, Number(seq) - 1, 1);
        if (entry?.seq === Number(seq)) seen.push(seenOf(entry));
      }
      return seen;
    },
    async isSuspended(user) {
      return demand<{ readonly suspended?: boolean }>(await toUser(user, { type: "credentials" })).suspended === true;
    },
    endSessions: (user) => toUser(user, { type: "endSession", ...byRule }),
    suspend: (user) => toUser(user, { type: "setSuspended", suspended: true, ...byRule }),
    drain: (node) => control.setDraining(node, true, `node/${name}`),
    backup: (by) =>
      kernel.ask({ to: backupActor, from: "node", message: { type: "start", wish: { sort: "run" }, by }, timeoutMs }),
    post: (url, body, headers) => postText(url, body, { headers, timeoutMs: watchLimits.postTimeoutMs }),
    open: (sealed, playbook) => secrets.open(sealed, ["playbook", playbook]),
    write: (event) => own.write(event),
    nowMs: () => clock.nowMs(),
  };
}

/** Reads the file of places again and again. One that cannot be read changes nothing. */
function watchPlaces(
  file: string,
  { clock, log }: Pick<Machine, "clock" | "log">,
): { readonly find: AddressPlaces["find"]; stop(): void } {
  let places: AddressPlaces | undefined;
  let cancel = (): void => undefined;
  let isStopped = false;
  let last: string | undefined;
  const look = async (): Promise<void> => {
    try {
      const text = await readSource(file, {
        bytesMax: watchLimits.placesBytesMax,
        timeoutMs: commandLimits.actTimeoutMs,
      });
      const digest = createHash("sha256").update(text).digest("hex");
      // Millions of lines take seconds, in which the node does nothing else.
      if (digest !== last) {
        places = readPlaces(text);
        log.info("watch.places", { file, ranges: places.ranges, skipped: places.skipped });
        last = digest;
      }
    } catch (error) {
      log.warn("watch.places.unread", { file, failure: failureOf(error) });
    }
    if (!isStopped) cancel = clock.after(watchLimits.placesEveryMs, () => void look());
  };
  void look();
  return {
    find: (address) => places?.find(address),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
