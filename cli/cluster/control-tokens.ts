/** `plexus control`: control tokens, and who one is at the control endpoint. */
import type { ControlTokenView, CreateControlToken } from "../../protocols/index.ts";
import { advised, callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

const describeTime = (atMs: number): string => new Date(atMs).toISOString().slice(0, 16).replace("T", " ");

const ofWhat = ({ scopes, role }: ControlTokenView): string =>
  role === undefined ? (scopes ?? []).join(" ") : `role ${role}`;

/** `plexus control token create`. The secret alone is what the standard output gets, so that it can go into a file. */
export async function createToken(flags: AdminFlags, token: CreateControlToken, output: Output): Promise<number> {
  const made = demand(
    advised(await callsTo(await findNode(flags))("control.make", token), {
      NAME_TAKEN: "choose another name, or revoke that one: plexus control token revoke NAME",
    }),
  );
  if (flags.json) output.print(jsonLine(made));
  else {
    if (made.token !== undefined) output.print(made.token);
    const until = made.expiresAtMs === undefined ? "until it is revoked" : `until ${describeTime(made.expiresAtMs)}`;
    const known =
      made.token === undefined
        ? `A caller with a certificate of ${withoutControls(made.subject ?? "")} is`
        : "This token, which is not shown again, is";
    output.printError(`${known} ${withoutControls(made.name)}, for ${withoutControls(ofWhat(made))}, ${until}.`);
  }
  return exitCodes.ok;
}

/** `plexus control token list`. With --json one line a token. */
export async function listTokens(flags: AdminFlags, output: Output): Promise<number> {
  const { tokens } = await operate(flags, "control.tokens");
  if (flags.json) for (const token of tokens) output.print(jsonLine(token));
  else if (tokens.length === 0)
    output.print("There are no control tokens. `plexus control token create NAME --scope cluster.see` makes one.");
  else {
    const columns = ["name", "for", "known by", "ends", "last used", "made by"].map((head) => ({ head }));
    const time = (atMs: number | undefined, absent: string): string =>
      atMs === undefined ? absent : describeTime(atMs);
    const rows = tokens.map((one) => [
      withoutControls(one.name),
      withoutControls(ofWhat(one)),
      one.subject === undefined ? "its secret" : withoutControls(one.subject),
      time(one.expiresAtMs, "when revoked"),
      time(one.usedAtMs, "never"),
      withoutControls(one.by),
    ]);
    output.print(renderTable(columns, rows, output));
  }
  return exitCodes.ok;
}

/** `plexus control token revoke`. */
export async function revokeToken(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const ended = await operate(flags, "control.revoke", { name });
  output.print(flags.json ? jsonLine(ended) : `${withoutControls(ended.name)} no longer works.`);
  return exitCodes.ok;
}

/** `plexus control`. */
export async function showSelf(flags: AdminFlags, output: Output): Promise<number> {
  const self = await operate(flags, "control.self");
  if (flags.json) output.print(jsonLine(self));
  else
    output.print(
      [`You are ${withoutControls(self.by)}, and may:`, ...self.permissions.map((one) => `  ${one}`)].join("\n"),
    );
  return exitCodes.ok;
}
