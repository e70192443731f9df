/** The branches of a conversation with an agent: which there are, and which is shown. */
import type { Client } from "../../client/index.ts";
import { outlineOf } from "../../protocols/answering/outline.ts";
import { ok, type Result } from "../../protocols/index.ts";
import { onNumber, type Wrong } from "./requests.ts";
import { describeBranch } from "./view.ts";
import type { Printer } from "./printer.ts";
import type { Visit } from "./visit.ts";

const notThere: Wrong = { wrong: "Talk to an agent first: /agent NAME." };

/** Does `/branches` and `/branch N`. */
export async function runBranches(
  number: string | undefined,
  at: { readonly client: Pick<Client, "call">; readonly visit: Visit | undefined; readonly printer: Printer },
): Promise<Result<unknown> | Wrong> {
  const { client, visit, printer } = at;
  if (visit?.place.kind !== "agent") return notThere;
  const { key } = visit.place;
  if (number !== undefined) {
    const asked = onNumber(number, (turn) => client.call("agent.branch", key, { turn }));
    if ("wrong" in asked) return asked;
    const answer = await asked;
    return answer.ok ? visit.showAnew() : answer;
  }
  const view = await client.call("agent.describe", key, {});
  if (!view.ok) return view;
  const { branches } = view.value;
  if (branches === undefined) printer.remark(printer.dim("There is one branch. /resend TEXT begins another."));
  for (const branch of branches === undefined ? [] : outlineOf(branches)) {
    const { turn } = branch;
    const read = await client.call("agent.history", key, { of: turn, before: turn + 1, limit: 1 });
    if (!read.ok) return read;
    const first = read.value.turns.find((one) => one.turn === turn);
    printer.show({ branch }, describeBranch(branch, first, printer.color));
  }
  return ok(undefined);
}
