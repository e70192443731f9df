import { setTimeout as delay } from "node:timers/promises";
import { failure, failureOf, ok, PlexusError, refused, type Result } from "../../protocols/errors.ts";
import type { ClusterSummary, Role } from "../../protocols/index.ts";
import { advised, callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import {
  describeDrain,
  describeDrained,
  describeEviction,
  describeKept,
  describeVotesLeft,
  describeStuck,
  isDrained,
  keepsDirectory,
  partInDirectory,
  rolesWithoutTaker,
  type DrainProgress,
} from "../../protocols/words/cluster-leaving.ts";
import { describeNodes } from "./cluster-view.ts";
import { named, noCandidate, readSlots, readSummary, unknownNode } from "./cluster.ts";
import { cliLimits } from "../limits.ts";
import type { Target } from "../node/target.ts";
import { describeDuration, exitCodes, paint, reportFailure, worstOf, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";

/** `plexus nodes`: shows the members, and changes what they do. */

/** `plexus nodes`. */
export async function listNodes(flags: AdminFlags, output: Output): Promise<number> {
  const summary = demand(await readSummary(await findNode(flags)));
  output.print(flags.json ? jsonLine(summary) : describeNodes(summary, output.color, output.columns));
  return exitCodes.ok;
}

/** Does the same to several nodes, one after the other. What is refused for one is told, and does not keep the others
 *  from it; of one alone it is thrown. Resolves with the worst exit code. */
async function toEach(
  nodes: readonly string[],
  at: { readonly flags: AdminFlags; readonly output: Output },
  act: (node: string) => Promise<unknown>,
): Promise<number> {
  const codes: number[] = [];
  for (const node of new Set(nodes)) {
    try {
      await act(node);
    } catch (thrown) {
      if (nodes.length === 1) throw thrown;
      const { details, ...others } = failureOf(thrown);
      codes.push(
        reportFailure(at.output, new PlexusError({ ...others, details: { node, ...details } }, thrown), at.flags.json),
      );
    }
  }
  return worstOf(codes);
}

/** `plexus nodes evict NAME…`. */
export async function evictNodes(
  flags: AdminFlags,
  eviction: { readonly nodes: readonly string[]; readonly force: boolean },
  output: Output,
): Promise<number> {
  const { nodes, force } = eviction;
  const target = await findNode(flags);
  return await toEach(nodes, { flags, output }, async (node) => {
    const answer = await callsTo(target)("cluster.evict", { node, ...(force && { force }) });
    const because = withReason(await named(target, answer, node), `${node} was not evicted`);
    const evicted = demand(advised(because, { NO_CANDIDATE: roleElsewhere }));
    output.print(flags.json ? jsonLine({ ...evicted, evicted: true }) : describeEviction(node, { ...evicted, force }));
  });
}

/** A refusal by what was refused and why, where the table of errors can only say that it was. */
function withReason<T>(answer: Result<T>, what: string): Result<T> {
  if (answer.ok) return answer;
  const { reason, ...details } = answer.error.details ?? {};
  if (typeof reason !== "string") return answer;
  return refused({ ...answer.error, message: `${what}: ${reason}.`, details });
}

const roleElsewhere = "Give the role to another node first: plexus nodes roles OTHER …";

/** `plexus nodes roles NAME chat,ai`. */
export async function setNodeRoles(
  flags: AdminFlags,
  change: { readonly node: string; readonly roles: readonly Role[]; readonly seen?: readonly Role[] },
  output: Output,
): Promise<number> {
  const { node, roles, seen } = change;
  const target = await findNode(flags);
  const said = { node, roles: [...roles], ...(seen && { seen: [...seen] }) };
  const answer = await callsTo(target)("cluster.setRoles", said);
  const because = withReason(await named(target, answer, node), `The roles of ${node} were not changed`);
  const done = demand(advised(because, { NO_CANDIDATE: roleElsewhere }));
  output.print(
    flags.json
      ? jsonLine({ ...done, roles })
      : `${node} has the roles ${roles.join(", ")} from now on. Data that it may no longer hold moves away: ` +
          `plexus slots --node ${node}`,
  );
  return exitCodes.ok;
}

/** What `plexus nodes drain` was asked for. */
export interface DrainChoice {
  readonly nodes: readonly string[];
  readonly wait: boolean;
  readonly timeoutMs: number;
  /** Between two looks. */
  readonly pollMs: number;
}

/** Resolves with the node's id: what was typed may be the beginning of a name. */
async function mark(target: Target, node: string, draining: boolean): Promise<string> {
  const answer = await callsTo(target)("cluster.drain", { node, draining });
  return demand(advised(await named(target, answer, node), { NO_CANDIDATE: noCandidate })).node;
}

/** `plexus nodes undrain NAME…`. */
export async function undrainNodes(flags: AdminFlags, nodes: readonly string[], output: Output): Promise<number> {
  const target = await findNode(flags);
  return await toEach(nodes, { flags, output }, async (node) => {
    const id = await mark(target, node, false);
    // What is asked for is done; whether it is up decides only what is said of it.
    const progress = flags.json ? undefined : await readProgress(target, id);
    const once = progress?.ok === true && !progress.value.up ? ", once it is up: it is down now" : "";
    output.print(flags.json ? jsonLine({ node, draining: false }) : `${node} takes its share again${once}.`);
  });
}

/** `plexus nodes drain NAME…`. With `wait` it ends when the nodes hold nothing any more. */
export async function drainNodes(flags: AdminFlags, choice: DrainChoice, output: Output): Promise<number> {
  const target = await findNode(flags);
  // All of them before anything is waited for: none gives what it has to one that drains next.
  const marked = new Map<string, string>();
  const code = await toEach(choice.nodes, { flags, output }, async (node) => {
    marked.set(node, await mark(target, node, true));
  });
  const codes = await Promise.all(
    [...marked].map(([node, id]) => followDrain(target, { ...choice, node, id, json: flags.json }, output)),
  );
  return worstOf([code, ...codes]);
}

type Drain = Omit<DrainChoice, "nodes"> & { readonly node: string; readonly id: string; readonly json: boolean };

/** Says what a drain that has begun will do, or does it to its end. */
async function followDrain(target: Target, drain: Drain, output: Output): Promise<number> {
  const { node, id, json } = drain;
  // It drains: what cannot be seen now is only not said.
  const [summary, slots] = await Promise.all([readSummary(target), readSlots(target)]);
  const stuck = summary.ok && slots.ok ? rolesWithoutTaker(summary.value, slots.value, id) : [];
  const kept = summary.ok ? describeKept(summary.value, id) : undefined;
  if (stuck.length > 0 && !json) output.printError(warned(describeStuck(stuck, node), output));
  if (kept !== undefined && !json) output.printError(warned(kept, output));
  const votes = summary.ok ? describeVotesLeft(summary.value, id) : undefined;
  if (votes !== undefined && !json) output.printError(warned(votes, output));
  if (drain.wait) return await awaitDrain(target, drain, output);
  const progress = summary.ok ? progressIn(summary.value, id) : summary;
  if (!progress.ok && progress.error.outcome === "failed") throw new PlexusError(progress.error);
  const why = { ...(stuck.length > 0 && { noCandidate: stuck }), ...(kept !== undefined && { keptForWrites: true }) };
  const seen = progress.ok ? progress.value : {};
  if (json) output.print(jsonLine({ node, draining: true, ...seen, ...why }));
  else output.print(describeBegun(node, progress, stuck.length === 0 && kept === undefined));
  return exitCodes.ok;
}

const warned = (text: string, { color }: Output): string => `${paint(color, "yellow", "warning")} ${text}`;

function describeBegun(node: string, progress: Result<DrainProgress>, givesAll: boolean): string {
  const further = `\`plexus nodes drain ${node} --wait\` shows how far it is.`;
  if (!progress.ok) return `${node} is being drained. Its data cannot be seen now (${progress.error.code}); ${further}`;
  const keeps = progress.value.directory ? ` ${keepsDirectory}` : "";
  const goesOn = givesAll ? "It gives its data away now" : "It gives away the data that it can";
  return `${describeDrain(progress.value)}. ${goesOn}; ${further}${keeps}`;
}

async function readProgress(target: Target, node: string): Promise<Result<DrainProgress>> {
  const summary = await readSummary(target);
  return summary.ok ? progressIn(summary.value, node) : summary;
}

function progressIn(summary: ClusterSummary, node: string): Result<DrainProgress> {
  const row = summary.nodes.find((each) => each.name === node || each.node === node);
  if (row === undefined) return refused(failure("NOT_FOUND", { node, hint: unknownNode }));
  const { name, up, slotsOwned, slotsReplicated } = row;
  return ok({ name, up, slotsOwned, slotsReplicated, ...partInDirectory(summary, row.node) });
}

async function awaitDrain(target: Target, drain: Drain, output: Output): Promise<number> {
  const { node, id, json } = drain;
  const startMs = performance.now();
  let said = "";
  let movedAtMs = startMs;
  let stuckSaid = false;
  for (;;) {
    const progress = await readProgress(target, id);
    const nowMs = performance.now();
    // A node that does not answer now may be the one that was asked for; what it said counts, up to the deadline.
    if (!progress.ok && progress.error.outcome === "failed") throw new PlexusError(progress.error);
    if (progress.ok) {
      const line = describeDrain(progress.value);
      if (line !== said) {
        output.print(json ? jsonLine(progress.value) : line);
        [said, movedAtMs, stuckSaid] = [line, nowMs, false];
      }
      if (isDrained(progress.value)) {
        if (!json) output.print(describeDrained(progress.value));
        return exitCodes.ok;
      }
    }
    if (nowMs - startMs > drain.timeoutMs)
      throw new PlexusError(
        failure("ASK_TIMEOUT", {
          node,
          left: said,
          hint: `The drain continues. plexus slots --node ${node} shows the rest`,
        }),
      );
    if (!json && !stuckSaid && nowMs - movedAtMs > cliLimits.drainStuckMs) {
      stuckSaid = true;
      output.print(
        `Nothing has moved for ${describeDuration(nowMs - movedAtMs)}. Are enough other nodes with the same ` +
          `roles up, not draining and able to write? plexus slots --node ${node}`,
      );
    }
    await delay(drain.pollMs);
  }
}
