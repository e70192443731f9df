/** `plexus secrets`: secrets of the cluster by their names. What they are is written and never read. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { SecretsView, SecretView } from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { askPassword } from "../terminal/confirm.ts";
import { renderTable } from "../terminal/table.ts";
import { secretIn } from "../terminal/text-file.ts";

/** `plexus secrets list`. */
export async function listSecrets(flags: AdminFlags, output: Output): Promise<number> {
  const view = demand(await callsTo(forLook(await findNode(flags)))("secrets.list"));
  output.print(flags.json ? jsonLine(view) : describeSecrets(view, output));
  return exitCodes.ok;
}

/** What `plexus secrets list` prints. */
export function describeSecrets({ secrets, own }: SecretsView, output: Pick<Output, "color" | "columns">): string {
  const rows = secrets.map(({ name, for: places, version, by, atMs, usedBy, note }) => [
    name,
    places.join(", "),
    usedBy.map(withoutControls).join(", ") || "nothing",
    `${withoutControls(by)}, ${new Date(atMs).toISOString()}`,
    version,
    withoutControls(note ?? ""),
  ]);
  const table =
    rows.length === 0
      ? "There are no secrets. `plexus secrets set NAME --for HOST` takes one from standard input."
      : renderTable(
          [
            { head: "Name" },
            { head: "For", wraps: true },
            { head: "Used by", wraps: true },
            { head: "Changed", leaves: 2 },
            { head: "Version", align: "right", leaves: 1 },
            { head: "", leaves: 1 },
          ],
          rows,
          output,
        );
  if (own.length === 0) return table;
  return (
    `${table}\nThese keep a secret by themselves: ${own.map(withoutControls).join(", ")}. \`plexus secrets adopt ` +
    `NAME ${withoutControls(own[0] ?? "")}\` gives it a name.`
  );
}

const said = ({ name, version, usedBy }: SecretView): string =>
  `${name} is set, version ${version}. ` +
  (usedBy.length === 0 ? `Settings take it as secret:${name}.` : `Used by ${usedBy.map(withoutControls).join(", ")}.`);

/** The value: of a file, of standard input, or typed without being shown. Error: BAD_REQUEST. */
async function valueIn(name: string, file: string): Promise<string> {
  if (file !== "-" || !process.stdin.isTTY) return secretIn(file);
  const typed = await askPassword(`Value of ${withoutControls(name)}: `);
  if (typed === undefined)
    throw new PlexusError(failure("BAD_REQUEST", { path: "value", problem: "nothing was given" }));
  return typed;
}

/** What is to be set. */
export interface SecretChoice {
  readonly name: string;
  readonly for: readonly string[];
  readonly note: string | undefined;
  /** The file with the value; `-`: standard input. */
  readonly file: string;
}

/** `plexus secrets set`. */
export async function setSecret(
  flags: AdminFlags,
  { name, file, note, for: places }: SecretChoice,
  output: Output,
): Promise<number> {
  const given = { value: await valueIn(name, file), for: [...places], ...(note !== undefined && { note }) };
  const set = await operate(flags, "secrets.set", { secret: name, ...given });
  output.print(flags.json ? jsonLine(set) : said(set));
  return exitCodes.ok;
}

/** `plexus secrets rotate`. */
export async function rotateSecret(flags: AdminFlags, name: string, file: string, output: Output): Promise<number> {
  const set = await operate(flags, "secrets.rotate", { secret: name, value: await valueIn(name, file) });
  output.print(flags.json ? jsonLine(set) : said(set));
  return exitCodes.ok;
}

/** `plexus secrets adopt`. */
export async function adoptSecret(flags: AdminFlags, name: string, from: string, output: Output): Promise<number> {
  const set = await operate(flags, "secrets.adopt", { secret: name, from });
  output.print(flags.json ? jsonLine(set) : said(set));
  return exitCodes.ok;
}

/** `plexus secrets remove`. */
export async function removeSecret(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const gone = await operate(flags, "secrets.remove", { secret: name });
  output.print(flags.json ? jsonLine(gone) : `The secret ${gone.name} is removed, and what it was is forgotten.`);
  return exitCodes.ok;
}
