/** Lists that a command prints and that nothing goes on from. */
import type { Client } from "../../client/index.ts";
import type { Result } from "../../protocols/errors.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Printer } from "./printer.ts";

type Calls = Pick<Client, "call">;

/** What a message said before it was edited. */
export async function listVersions(
  client: Calls,
  { show, remark, dim }: Printer,
  { room, seq }: { readonly room: string; readonly seq: number },
): Promise<Result<unknown>> {
  const answer = await client.call("room.versions", room, { seq });
  if (!answer.ok) return answer;
  const { versions } = answer.value;
  for (const version of versions) {
    const lines = version.text.split("\n").map((line) => `  ${withoutControls(line)}`);
    show({ version }, [dim(new Date(version.atMs).toLocaleString()), ...lines].join("\n"));
  }
  if (versions.length === 0) remark(dim(`Nothing of what message #${seq} said before is kept.`));
  return answer;
}

/** The groups that can be mentioned. */
export async function listGroups(client: Calls, { show, remark, dim }: Printer): Promise<Result<unknown>> {
  const answer = await client.call("groups.list", "cluster", {});
  if (!answer.ok) return answer;
  const { groups } = answer.value;
  for (const group of groups) {
    const { group: name, title, members } = group;
    show({ group }, `@${name} ${withoutControls(title)}${dim(`: ${members.join(", ") || "nobody"}`)}`);
  }
  if (groups.length === 0) remark(dim("There is no group yet."));
  return answer;
}
