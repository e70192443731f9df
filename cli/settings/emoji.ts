/** `plexus emoji`: the cluster's own emoji. */
import { readFile, stat } from "node:fs/promises";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { describeRefusal, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";

/** `plexus emoji list`. */
export async function listEmoji(flags: AdminFlags, output: Output): Promise<number> {
  const view = await operate(flags, "emoji.list");
  const lines = view.emoji.map(
    ({ name, by, size }) => `:${name}:  ${size} bytes${by === undefined ? "" : `, by ${by}`}`,
  );
  output.print(flags.json ? jsonLine(view) : lines.join("\n") || "The cluster has no emoji of its own yet.");
  return exitCodes.ok;
}

/** The bytes of a picture. Errors: BAD_REQUEST, TOO_LARGE. */
async function pictureIn(file: string): Promise<Buffer> {
  const { emojiFileBytesMax } = wireLimits;
  try {
    const { size } = await stat(file);
    if (size > emojiFileBytesMax) throw new PlexusError(failure("TOO_LARGE", { bytes: size, emojiFileBytesMax }));
    return await readFile(file);
  } catch (error) {
    if (error instanceof PlexusError) throw error;
    throw new PlexusError(failure("BAD_REQUEST", { path: file, problem: describeRefusal(error) }));
  }
}

/** `plexus emoji add`. */
export async function addEmoji(
  flags: AdminFlags,
  { file, name }: { readonly file: string; readonly name: string },
  output: Output,
): Promise<number> {
  const picture = (await pictureIn(file)).toString("base64");
  const added = await operate(flags, "emoji.add", { name, picture });
  output.print(flags.json ? jsonLine(added) : `People write it as :${added.name}: from now on.`);
  return exitCodes.ok;
}

/** `plexus emoji remove`. */
export async function removeEmoji(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const removed = await operate(flags, "emoji.remove", { name });
  output.print(flags.json ? jsonLine(removed) : `The emoji :${removed.name}: is removed.`);
  return exitCodes.ok;
}
