import { refused, type Result } from "../../protocols/errors.ts";
import { kinds } from "../../protocols/ids.ts";
import type { ActorDetail, ActorRow } from "../../protocols/index.ts";
import { actorNamed, advised, callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { didYouMean, nearest } from "../models/suggest.ts";
import { counted, describeBytes, exitCodes, paint, type Output } from "../terminal/output.ts";
import { renderTable, type Column } from "../terminal/table.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** What `plexus actors list` looks for. */
export interface ActorFilter {
  readonly kind?: string;
  readonly status?: ActorRow["status"];
  readonly limit: number;
}

/** `plexus actors list`: pages until `limit` rows are printed. With --json one line per actor. Which nodes did not
 *  answer is said beside it, so that nobody takes a part for the whole. */
export async function listActors(flags: AdminFlags, filter: ActorFilter, output: Output): Promise<number> {
  const target = await findNode(flags);
  const rows: ActorRow[] = [];
  const unanswered = new Set<string>();
  let more = true;
  while (more && rows.length < filter.limit) {
    const { limit, ...wanted } = filter;
    const last = rows.at(-1);
    const page = demand(
      await callsTo(target)("actors.list", {
        limit: Math.min(cliLimits.actorPageRows, limit - rows.length),
        ...wanted,
        ...(last && { after: last.actor }),
      }),
    );
    rows.push(...page.rows);
    for (const node of page.unanswered ?? []) unanswered.add(node);
    more = page.more && page.rows.length > 0;
  }
  if (flags.json) for (const row of rows) output.print(jsonLine(row));
  else output.print(rows.length === 0 ? "No actors." : actorTable(rows, output));
  if (more && !flags.json) output.print(`There are more; a higher --limit shows them.`);
  if (unanswered.size > 0) output.printError(describeUnanswered([...unanswered], output.color));
  return exitCodes.ok;
}

function describeUnanswered(nodes: readonly string[], color: boolean): string {
  const names = withoutControls(nodes.join(", "));
  return (
    `${paint(color, "yellow", "warning")} This is not all: ${names} did not answer, and what is there is ` +
    "missing. See: plexus nodes"
  );
}

function actorTable(rows: readonly ActorRow[], output: Output): string {
  const columns: readonly Column[] = [
    { head: "Actor" },
    { head: "Status" },
    { head: "Node" },
    { head: "Slot", leaves: 1 },
    { head: "Mailbox", align: "right", leaves: 4 },
    { head: "Restarts", align: "right", leaves: 2 },
    { head: "Last active", leaves: 3 },
  ];
  const cells = rows.map((row) => {
    const status = row.status === "quarantined" ? paint(output.color, "red", row.status) : row.status;
    const lastActive = row.lastActiveAtMs === undefined ? "" : new Date(row.lastActiveAtMs).toISOString();
    const node = withoutControls(row.node ?? "");
    return [row.actor, status, node, row.slot, row.mailbox, row.restarts, lastActive];
  });
  return renderTable(columns, cells, output);
}

/** Adds to a refusal that there is no such actor which one may have been meant, by its kind or by its key. */
export async function namedActor<T>(target: Target, answer: Result<T>, actor: string): Promise<Result<T>> {
  if (answer.ok || answer.error.code !== "NOT_FOUND" || answer.error.details?.["hint"] !== undefined) return answer;
  if (answer.error.details?.["node"] !== undefined) return answer;
  const [kind = "", key = ""] = actor.split("/");
  const [likely] = (kinds as readonly string[]).includes(kind) ? [kind] : nearest(kind, kinds);
  const limit = cliLimits.actorPageRows;
  const call = callsTo(forLook(target));
  const page = likely === undefined ? undefined : await call("actors.list", { kind: likely, limit });
  const known = page?.ok === true ? page.value.rows.map((row) => row.actor) : [];
  const meant = didYouMean(`${likely}/${key}`, known);
  const hint = [meant ?? [], "`plexus actors list` lists those that are in use."].flat().join(" ");
  return refused({ ...answer.error, details: { ...answer.error.details, hint } });
}

/** `plexus actors show KIND/KEY`. */
export async function showActor(flags: AdminFlags, actor: string, output: Output): Promise<number> {
  const id = actorNamed(actor);
  const target = await findNode(flags);
  const detail = demand(await namedActor(target, await callsTo(target)("actors.show", id), actor));
  output.print(flags.json ? jsonLine(detail) : describeActor(detail, output.color));
  return exitCodes.ok;
}

/** One actor as a person reads it. */
export function describeActor(detail: ActorDetail, color: boolean): string {
  const lines = [
    `${paint(color, "bold", withoutControls(detail.actor))} is ` +
      `${detail.status}${detail.node === undefined ? "" : ` on ${withoutControls(detail.node)}`}`,
    `Slot ${withoutControls(detail.slot)}, epoch ${detail.epoch}, ` +
      `${counted(detail.entries, "journal entry", "journal entries")}, state ${describeBytes(detail.stateBytes)}`,
    `Mailbox ${detail.mailbox}, restarts ${detail.restarts}`,
    ...(detail.lastError === undefined ? [] : [`Last error: ${withoutControls(detail.lastError)}`]),
    ...detail.reminders.map(({ id, dueMs }) => `Reminder ${withoutControls(id)}, due ${new Date(dueMs).toISOString()}`),
    ...detail.deadLetters.map(
      (letter) =>
        `Dead letter ${letter.id}: ${withoutControls(`${letter.type} from ${letter.from}`)} at ` +
        `${new Date(letter.atMs).toISOString()}, ${withoutControls(letter.reason)}`,
    ),
  ];
  if (detail.status === "quarantined")
    lines.push(`Release it with: plexus actors release ${withoutControls(detail.actor)}`);
  return lines.join("\n");
}

/** `plexus actors release KIND/KEY`: ends a quarantine. */
export async function releaseActor(
  flags: AdminFlags,
  release: { readonly actor: string; readonly redeliver: boolean },
  output: Output,
): Promise<number> {
  const { redeliver } = release;
  const id = actorNamed(release.actor);
  const target = await findNode(flags);
  const asked = await callsTo(target)("actors.release", { ...id, redeliver });
  const answer = await namedActor(target, asked, release.actor);
  const nothing =
    `It is not quarantined and has no dead letters. To unpin an actor that was moved by hand: \`plexus slots ` +
    `release ${release.actor}\`.`;
  const released = demand(advised(answer, { ALREADY_DONE: nothing }));
  output.print(
    flags.json
      ? jsonLine({ actor: release.actor, ...released })
      : `${release.actor} takes messages again; ` +
          `${counted(released.redelivered, "dead letter was", "dead letters were")} delivered again.`,
  );
  return exitCodes.ok;
}
