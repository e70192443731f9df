import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus emoji`. */
export const define: Define = (command, { output, onExit }) => {
  const load = () => import("../settings/emoji.ts");
  const list = async (options: AdminOptions) =>
    onExit(await (await load()).listEmoji(await adminFlags(options), output));
  const emoji = withAdminFlags(command.enablePositionalOptions())
    .addHelpText("after", examples("plexus emoji", "plexus emoji add parrot.png party-parrot"))
    .action(list);

  withAdminFlags(emoji.command("list").description("List them, each with the account that added it."))
    .addHelpText("after", examples("plexus emoji list", "plexus emoji list --json"))
    .action(list);

  withAdminFlags(
    emoji
      .command("add")
      .description("Add an emoji, which people write as :name:. The picture is stored as a WebP of at most 128 pixels.")
      .argument("<file>", "a PNG, JPEG, WebP or GIF of at most 128 KiB; of one that moves, the first picture")
      .argument("<name>", "lower-case letters, digits, _, + and -; it begins with a letter"),
  )
    .addHelpText("after", examples("plexus emoji add parrot.png party-parrot"))
    .action(async (file: string, name: string, options: AdminOptions) =>
      onExit(await (await load()).addEmoji(await adminFlags(options), { file, name: bare(name) }, output)),
    );

  withAdminFlags(
    emoji
      .command("remove")
      .description("Remove an emoji. Messages and reactions show its name from then on.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus emoji remove party-parrot"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await load()).removeEmoji(await adminFlags(options), bare(name), output)),
    );
};

/** A name as people may write it. */
const bare = (name: string): string => name.replace(/^:(.*):$/, "$1");
