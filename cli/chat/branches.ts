/** The branches of a conversation with an agent: which there are, and which is shown. */
import type { Client } from "../../client/index.ts";
import { outlineOf } from "../../protocols/answering/outline.ts";
import { ok } from "../../protocols/errors.ts";
import type { Result } from "../../protocols/index.ts";
import { onNumber, type Wrong } from "./requests.ts";
import { describeBranch } from "./view.ts";
import type { Printer } from "./printer.ts";
import type { Visit } from "./visit.ts";

/** Shows the branch that begins with a turn, by its end: its beginning may be on the path that is shown, too. */
async function showBranch(client: Pick<Client, "call">, key: string, turn: number): Promise<Result<unknown>> {
  const view = await client.call("agent.describe", key, {});
  if (!view.ok) return view;
  const { branches } = view.value;
  const branch = branches && outlineOf(branches).find((one) => one.turn === turn);
  return client.call("agent.branch", key, { turn: branch?.through ?? turn });
}

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
    const asked = onNumber(number, (turn) => showBranch(client, key, turn));
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
