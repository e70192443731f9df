/** What a recall into place needs of a running node: its living actors, and how those that are gone are made anew by their rows in a backup. */
import type { Message, Sender } from "../../actors/behavior.ts";
import { remaking, settingsOf } from "../../actors/index.ts";
import type { PlaceReport, PlaceTarget, Repository, WithdrawReport } from "../backup/index.ts";
import { recallIntoPlace, withdrawRecall, type BackupPorts, type PlaceOptions } from "../backup/index.ts";
import { failure, parseActorId, refused, type ActorId, type BackupResults, type PlaceBackup, type Result, type WithdrawBackup } from "../../protocols/index.ts"; // prettier-ignore
import type { Kernel } from "../kernel/api.ts";
import type { Clock } from "../ports.ts";
import { stateOf } from "./backup-source.ts";
import type { TaskAt } from "./backup-tasks.ts";
import { commandLimits } from "./limits.ts";

/** The actors of the cluster, asked as the node. */
export const placeTarget = (kernel: Pick<Kernel, "ask">): PlaceTarget => ({
  ask: (to, message, operationId) =>
    kernel.ask({
      to,
      from: "node",
      message,
      timeoutMs: commandLimits.placeTimeoutMs,
      ...(operationId && { operationId }),
    }),
  remake: (actor, rows) => (actor.startsWith("agent/") ? remakeAgent(kernel, actor, rows) : remakeRoom(kernel, actor, rows)), // prettier-ignore
});

const ask = (kernel: Pick<Kernel, "ask">, to: ActorId, message: Message, from: Sender = "node") =>
  kernel.ask({ to, from, message, timeoutMs: commandLimits.placeTimeoutMs });

type Rows = Parameters<typeof stateOf>[1];

async function remakeRoom(kernel: Pick<Kernel, "ask">, room: ActorId, rows: Rows): Promise<Result<unknown>> {
  const command = remaking(stateOf(room, rows));
  return command === undefined ? refused(failure("NOT_FOUND", { actor: room })) : ask(kernel, room, command);
}

/** In the name of the person who owns it, who must have an account; with its instructions of then. */
async function remakeAgent(kernel: Pick<Kernel, "ask">, agent: ActorId, rows: Rows): Promise<Result<unknown>> {
  const settings = settingsOf(stateOf(agent, rows));
  const { key = "" } = parseActorId(agent) ?? {};
  const [person = "", ...name] = key.split(".");
  const owner: ActorId = `user/${person}`;
  if (settings === undefined) return refused(failure("NOT_FOUND", { actor: agent }));
  const { persona, model, sampling, tools } = settings;
  const create = { type: "createAgent", name: name.join("."), persona, ...(model !== "" && { model }) };
  const made = await ask(kernel, owner, create, owner);
  if (!made.ok && made.error.code === "NOT_FOUND") {
    const reason = `${person} has no account: the person signs up first, then the agent can be made anew`;
    return refused(failure("NOT_FOUND", { actor: agent, reason }));
  }
  if (!made.ok) return made;
  return ask(kernel, agent, { type: "update", sampling, ...(tools !== undefined && { tools }) }, owner);
}

/** A wait that the end of its task ends. */
const waits = (clock: Clock, signal: AbortSignal) => (ms: number) =>
  new Promise<void>((done) => {
    if (signal.aborted) return done();
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      done();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end);
  });

interface PlaceAt extends TaskAt {
  readonly clock: Clock;
  readonly target: PlaceTarget;
}

const optionsOf = ({ clock, signal, progress }: PlaceAt): PlaceOptions => ({
  signal,
  progress: (far) => progress({ ...far }),
  wait: waits(clock, signal),
});

/** Brings entries of a backup back into their places, or says what would come. */
export async function place(
  ports: BackupPorts,
  repository: Repository,
  { query, recall, existing = "skip", deleted = false, remake = false, dryRun = false }: PlaceBackup,
  at: PlaceAt,
): Promise<BackupResults["place"]> {
  const wish = { recall, query, existing, deleted, remake, dryRun };
  const report: PlaceReport = await recallIntoPlace(ports, repository, wish, at.target, optionsOf(at));
  const { snapshot, failed, lost, ...sums } = report;
  const { root: _root, cursors: _cursors, ...shown } = snapshot;
  return { ...sums, snapshot: shown, dryRun, failed: named(failed), lost: named(lost) };
}

/** Takes back what a recall brought. */
export async function withdraw(
  ports: BackupPorts,
  repository: Repository,
  wish: WithdrawBackup,
  at: PlaceAt,
): Promise<BackupResults["withdraw"]> {
  const report: WithdrawReport = await withdrawRecall(ports, repository, wish, at.target, optionsOf(at));
  return { ...report, failed: named(report.failed) };
}

const named = <Row>(rows: readonly Row[]) => ({ total: rows.length, named: rows.slice(0, commandLimits.lostNamedMax) });
