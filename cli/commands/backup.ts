import { Option } from "commander";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus backup`. */
export const define: Define = (command, { output, onExit }) => {
  const backup = command
    .enablePositionalOptions()
    .addHelpText("after", examples("plexus backup kit make --to ./kit", "plexus backup keys", "plexus backup rotate"));
  const kit = backup
    .command("kit")
    .description("The recovery kit: shares on paper, which together read every backup.")
    .addHelpText("after", examples("plexus backup kit make --to ./kit", "plexus backup kit check"));

  withAdminFlags(
    kit
      .command("make")
      .description("Make a recovery kit. One that was made before opens nothing that is made from then on.")
      .option("--shares <number>", "how many shares", wholeNumber("The number of shares", 2, 16), 5)
      .option("--needed <number>", "how many of them are needed", wholeNumber("The number needed", 2, 16), 3)
      .addOption(
        new Option("--to <folder>", "where its pages are written; it must be empty or absent").makeOptionMandatory(),
      )
      .option("--yes", "in place of a kit that there is, without a question"),
  )
    .addHelpText(
      "after",
      "\nThe key is made by this command, on this machine, and never sent: the node gets what is sealed and signed with it. The\n" +
        "folder then has a page for each share (HTML with a code to scan, and text) and kit.json, which is no secret. Print the\n" +
        "pages, give them to different people, and delete the folder.\n" +
        examples(
          "plexus backup kit make --to ./kit",
          "plexus backup kit make --shares 3 --needed 2 --to /media/usb/kit",
        ),
    )
    .action(async (options: AdminOptions & { shares: number; needed: number; to: string; yes?: boolean }) => {
      const { makeKit } = await import("../backup-kit.ts");
      const { shares: of, needed, to, yes = false } = options;
      onExit(await makeKit(await adminFlags(options), { of, needed, to, yes }, output));
    });

  withAdminFlags(
    kit
      .command("check")
      .description("Check shares, from files or typed: whether they are whole, of the cluster's kit, and enough.")
      .argument("[files...]", "files with shares; none: they are typed")
      .option("--sheet <file>", "kit.json, where no node runs"),
  )
    .addHelpText(
      "after",
      examples("plexus backup kit check share-1.txt share-4.txt share-5.txt", "plexus backup kit check"),
    )
    .action(async (files: readonly string[], options: AdminOptions & { sheet?: string }) => {
      const { checkKit } = await import("../backup-kit.ts");
      onExit(await checkKit(await adminFlags(options), { files, sheet: options.sheet }, output));
    });

  withAdminFlags(
    kit
      .command("restore")
      .description("Give a node the keys of the backups again, from shares.")
      .argument("[files...]", "files with shares; none: they are typed")
      .option("--sheet <file>", "kit.json, where the cluster has lost it"),
  )
    .addHelpText(
      "after",
      "\nThe node gets the keys sealed to it. The shares and the root stay in this command.\n" +
        examples(
          "plexus backup kit restore --sheet kit.json",
          "plexus backup kit restore share-1.txt share-4.txt share-5.txt",
        ),
    )
    .action(async (files: readonly string[], options: AdminOptions & { sheet?: string }) => {
      const { restoreKit } = await import("../backup-kit.ts");
      onExit(await restoreKit(await adminFlags(options), { files, sheet: options.sheet }, output));
    });

  withAdminFlags(backup.command("keys").description("Show the kit, the epochs, and which keys the node has."))
    .addHelpText("after", examples("plexus backup keys", "plexus backup keys --json"))
    .action(async (options: AdminOptions) => {
      const { showKeys } = await import("../backup-kit.ts");
      onExit(await showKeys(await adminFlags(options), output));
    });

  withAdminFlags(
    backup
      .command("rotate")
      .description("Begin new keys: who has the old ones reads nothing of what is made from now on.")
      .option("--compromised", "the old keys may be in the wrong hands: what they encrypted is to be encrypted anew"),
  )
    .addHelpText("after", examples("plexus backup rotate", "plexus backup rotate --compromised"))
    .action(async (options: AdminOptions & { compromised?: boolean }) => {
      const { rotateKeys } = await import("../backup-kit.ts");
      onExit(await rotateKeys(await adminFlags(options), options.compromised ?? false, output));
    });
};
