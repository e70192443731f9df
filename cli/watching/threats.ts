/** `plexus threats`. */
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus threats`: the lists that every node reads. */
export async function listThreats(flags: AdminFlags, output: Output): Promise<number> {
  const view = await operate(flags, "threats.list");
  if (flags.json) output.print(jsonLine(view));
  else if (view.states.length === 0)
    output.print("There are no lists. plexus threats set NAME URL has every node read one.");
  else {
    const names = new Map(view.lists.map(({ name, source }) => [source, name]));
    const rows = view.states.map(({ source, of, entries, readAtMs, from, failed }) => [
      of === undefined ? (names.get(source) ?? "(this node's own)") : withoutControls(`(own list of ${of})`),
      of === undefined ? withoutControls(source) : "",
      String(entries),
      readAtMs === 0 ? "never" : new Date(readAtMs).toISOString(),
      withoutControls([from === undefined ? "" : `taken from ${from}`, failed ?? ""].filter(Boolean).join("; ")),
    ]);
    const heads = ["Name", "Source", "Entries", "Read"].map((head) => ({ head }));
    output.print(renderTable([...heads, { head: "", wraps: true }], rows, output));
  }
  return exitCodes.ok;
}

/** `plexus threats set`. */
export async function setThreats(flags: AdminFlags, name: string, source: string, output: Output): Promise<number> {
  const list = await operate(flags, "threats.set", { list: name, source });
  output.print(flags.json ? jsonLine(list) : `Every node reads ${withoutControls(list.source)} from now on.`);
  return exitCodes.ok;
}

/** `plexus threats remove`. */
export async function removeThreats(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const list = await operate(flags, "threats.remove", { list: name });
  output.print(flags.json ? jsonLine(list) : `The list ${name} is no longer used.`);
  return exitCodes.ok;
}
