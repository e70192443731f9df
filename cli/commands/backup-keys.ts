/** `plexus backup kit`, `keys`, `rotate` and `erase`: the keys of backups. */
import { Option, type Command } from "commander";
import {
  adminFlags,
  examples,
  wholeNumber,
  tokenOf,
  withAdminFlags,
  withTokenFlags,
  type AdminOptions,
  type TokenOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface MakeOptions {
  readonly shares: number;
  readonly needed: number;
  readonly to: string;
  readonly yes?: boolean;
  readonly former?: readonly string[];
  readonly lost?: boolean;
  readonly tokenOnly?: boolean;
}

/** Adds them below `plexus backup`. */
export function defineKeys(backup: Command, { output, onExit }: Parameters<Define>[1]): void {
  const kit = backup
    .command("kit")
    .description("The recovery kit: shares on paper, which together read every backup.")
    .addHelpText("after", examples("plexus backup kit make --to ./kit", "plexus backup kit check"));

  withTokenFlags(
    withAdminFlags(
      kit
        .command("make")
        .description("Make a recovery kit. An earlier kit cannot open backups that are made after this.")
        .option("--shares <number>", "how many shares", wholeNumber("The number of shares", 2, 16), 5)
        .option("--needed <number>", "how many of them are needed", wholeNumber("The number needed", 2, 16), 3)
        .addOption(
          new Option("--to <folder>", "the folder for its pages; it must be empty or absent").makeOptionMandatory(),
        )
        .option("--yes", "replace the present kit without asking")
        .option(
          "--former <files...>",
          "files with shares of the present kit, which signs the new one (default: you type them)",
        )
        .option("--lost", "the present kit is lost: every other node must then be told to trust the new one")
        .option("--token-only", "the root is in the token alone, and there are no shares"),
    ),
  )
    .addHelpText(
      "after",
      "\nThe key is made by this command, on this machine, and never sent: the node gets only what is " +
        "encrypted and signed with it.\n" +
        "The folder then has a page for each share (HTML with a code to scan, and text) and kit.json, which is " +
        "not secret. Print the\n" +
        "pages, give them to different people, and delete the folder.\n\n" +
        "With --pkcs11 the root is also sealed by a key in a token, which never leaves it. The PIN is asked " +
        "for, or read with --pin-file.\n" +
        examples(
          "plexus backup kit make --to ./kit",
          "plexus backup kit make --shares 3 --needed 2 --to /media/usb/kit",
          "plexus backup kit make --to ./kit --pkcs11 /usr/lib/softhsm/libsofthsm2.so --token plexus",
        ),
    )
    .action(async (options: AdminOptions & MakeOptions & TokenOptions) => {
      const { makeKit } = await import("../backup/backup-kit.ts");
      const { shares: of, needed, to, yes = false, former = [], lost = false, tokenOnly = false } = options;
      const told = { of, needed, to, yes, former, lost, tokenOnly, token: tokenOf(options) };
      onExit(await makeKit(await adminFlags(options), told, output));
    });

  withAdminFlags(
    kit
      .command("trust")
      .description("Say which kit a node trusts, when the directory names another kit than the node knows.")
      .argument("<words>", "the kit's eight words, as plexus backup keys shows them"),
  )
    .addHelpText(
      "after",
      "\nFor the operator of the node, on its machine. If you give the words of the directory's kit, the node " +
        "trusts that\n" +
        "kit from now on. If you give the words of the kit that the node knows, the directory gets that kit again.\n" +
        "Compare the words with those on the shares.\n" +
        examples("plexus backup kit trust angle-tiger-lamp-oven-zebra-quiz-noble-frog"),
    )
    .action(async (words: string, options: AdminOptions) => {
      const { trustKit } = await import("../backup/backup-keys.ts");
      onExit(await trustKit(await adminFlags(options), words.trim().toLowerCase(), output));
    });

  withTokenFlags(
    withAdminFlags(
      kit
        .command("check")
        .description("Check shares, from files or typed: whether they are whole, of the cluster's kit, and enough.")
        .argument("[files...]", "files with shares (default: you type them)")
        .option("--sheet <file>", "kit.json, if no node runs and it is not beside the shares"),
    ),
  )
    .addHelpText(
      "after",
      examples("plexus backup kit check share-1.txt share-4.txt share-5.txt", "plexus backup kit check"),
    )
    .action(async (files: readonly string[], options: AdminOptions & TokenOptions & { sheet?: string }) => {
      const { checkKit } = await import("../backup/backup-kit.ts");
      const source = { files, sheet: options.sheet, token: tokenOf(options) };
      onExit(await checkKit(await adminFlags(options), source, output));
    });

  withTokenFlags(
    withAdminFlags(
      kit
        .command("restore")
        .description("Give a node the keys of the backups again, from the shares.")
        .argument("[files...]", "files with shares (default: you type them)")
        .option("--sheet <file>", "kit.json, if the cluster has lost it"),
    ),
  )
    .addHelpText(
      "after",
      "\nThe node gets the keys encrypted for it alone. The shares and the root key stay in this command.\n" +
        examples(
          "plexus backup kit restore --sheet kit.json",
          "plexus backup kit restore share-1.txt share-4.txt share-5.txt",
        ),
    )
    .action(async (files: readonly string[], options: AdminOptions & TokenOptions & { sheet?: string }) => {
      const { restoreKit } = await import("../backup/backup-kit.ts");
      const source = { files, sheet: options.sheet, token: tokenOf(options) };
      onExit(await restoreKit(await adminFlags(options), source, output));
    });

  withAdminFlags(backup.command("keys").description("Show the kit, the epochs, and which keys the node has."))
    .addHelpText("after", examples("plexus backup keys", "plexus backup keys --json"))
    .action(async (options: AdminOptions) => {
      const { showKeys } = await import("../backup/backup-keys.ts");
      onExit(await showKeys(await adminFlags(options), output));
    });

  withAdminFlags(
    backup
      .command("rotate")
      .description("Make new keys: somebody who has only the old ones cannot read new backups.")
      .option("--compromised", "others may know the old keys: everything that these encrypted is encrypted again"),
  )
    .addHelpText("after", examples("plexus backup rotate", "plexus backup rotate --compromised"))
    .action(async (options: AdminOptions & { compromised?: boolean }) => {
      const { rotateKeys } = await import("../backup/backup-keys.ts");
      onExit(await rotateKeys(await adminFlags(options), options.compromised ?? false, output));
    });

  withAdminFlags(
    backup
      .command("erase")
      .description("Destroy the keys of a person or an actor: nobody can ever read their data in any backup again.")
      .option("--person <name>", "this person")
      .option("--actor <actor>", "this room or agent, as room/lobby")
      .option("--yes", "do not ask"),
  )
    .addHelpText("after", examples("plexus backup erase --person ada", "plexus backup erase --actor room/lobby --yes"))
    .action(async (options: AdminOptions & { person?: string; actor?: string; yes?: boolean }) => {
      const { eraseKeys } = await import("../backup/backup-keys.ts");
      const { person, actor, yes = false } = options;
      onExit(await eraseKeys(await adminFlags(options), { person, actor, yes }, output));
    });
}
