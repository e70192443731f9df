/** The watch over the cluster at one node: what this node counts, and what playbooks do through it. */
import { totalmem } from "node:os";
import {
  auditDone,
  auditTexts,
  backupActor,
  ok,
  PlexusError,
  watchActor,
  watchedCounts,
  wireLimits,
  type ActorId,
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
import type { Exchange } from "../cluster/exchange/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock, Log, Membership, Meter, NodeId, Random } from "../ports/index.ts";
import { actOn, type ActingPorts } from "./acting.ts";
import { forecastsIn } from "./forecast.ts";
import { watchLimits } from "./limits.ts";
import type { MailingPorts } from "./mailing.ts";
import { tryRule } from "./trial.ts";
import { createWatcher, type WatcherPorts } from "./watcher.ts";
import { memberIn } from "../cluster/facts/members.ts";

/** What the gateway has of it. */
interface WatchControl {
  /** What a rule would have found since then in the logs that are here. */
  tryRule(rule: RuleBody, sinceMs: number): Promise<RuleTried>;
  /** What becomes of what is remembered of nodes. */
  forecasts(rows: readonly WatchRow[]): readonly Forecast[];
  /** Where an address is, by the file of `addressPlaces`. */
  placeOf(address: string): string | undefined;
}

/** What a node has for its watch. */
interface WatchParts {
  readonly machine: { readonly clock: Clock; readonly log: Log; readonly meter: Meter; readonly random: Random };
  readonly node: string;
  readonly name: string;
  readonly peer: {
    readonly kernel: Pick<Kernel, "ask">;
    readonly routing: { ownerOf(actor: ActorId): NodeId | undefined };
    readonly control: { setDraining(node: string, draining: boolean, by: string): Promise<Result<unknown>> };
    readonly exchange: Exchange;
    readonly membership: Membership & {
      heard(node: NodeId): { readonly load: { readonly calls?: number } | undefined } | undefined;
    };
  };
  /** The logs of the audit that are here. */
  readonly audit: WatcherPorts["audit"] & {
    write: ActingPorts["write"];
    read(query: { readonly sinceMs: number }): Parameters<typeof tryRule>[1];
  };
  /** What this node has counted of these since it started. */
  readonly totals: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** The disk of the data folder. */
  readonly disk: () => { readonly diskBytes?: number; readonly diskFreeBytes?: number } | undefined;
  readonly mail: MailingPorts["mail"];
  readonly secrets: { open(sealed: string, context: readonly string[]): Promise<string | undefined> };
  /** Where addresses are; absent: nobody knows. */
  readonly places?: { find: NonNullable<WatcherPorts["place"]> };
  /** Tells all admins of the cluster. */
  readonly tell: (action: string, facts: Readonly<Record<string, string>>) => void;
  /** Sends a page somewhere. */
  readonly post: ActingPorts["post"];
}

/** Begins it. */
export function openWatch(at: WatchParts): WatchControl & { stop(): Promise<void> } {
  const { clock, log, meter, random } = at.machine;
  const { kernel, routing } = at.peer;
  const { places } = at;
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
      at.tell("alert", facts);
    },
    async act(order) {
      const done = await actOn(acting, order);
      at.tell("runPlaybook", runFacts(order, done.steps));
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
    stop: () => watcher.stop(),
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
  { node, peer, totals, machine, disk }: WatchParts,
  start: string,
): () => Promise<readonly CountSample[]> {
  const { exchange, membership } = peer;
  const figures = figuresOf({ node, peer, disk });
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
function figuresOf(at: Pick<WatchParts, "node" | "disk"> & { readonly peer: Pick<WatchParts["peer"], "membership"> }) {
  const { membership } = at.peer;
  const busy: number[] = [];
  return (): Readonly<Partial<Record<WatchedFigure, number>>> => {
    const disk = at.disk();
    const offers = memberIn(membership, at.node)?.offers ?? [];
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
function actingPorts({ machine, name, peer, audit: own, mail, secrets, post }: WatchParts): ActingPorts {
  const { clock } = machine;
  const { kernel, control } = peer;
  const timeoutMs = watchLimits.actTimeoutMs;
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
    post,
    open: (sealed, playbook) => secrets.open(sealed, ["playbook", playbook]),
    write: (event) => own.write(event),
    nowMs: () => clock.nowMs(),
  };
}
