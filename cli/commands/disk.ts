import { dataFolderOf, diskKeyFileOf } from "../settings/folders.ts";
import {
  adminFlags,
  data,
  examples,
  tokenOf,
  withAdminFlags,
  withTokenFlags,
  type AdminOptions,
  type TokenOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface RecoverOptions extends TokenOptions {
  readonly data?: string;
  readonly diskKey?: string;
  readonly sheet?: string;
}

/** `plexus disk`. */
export const define: Define = (command, { output, onExit }) => {
  const disk = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      "\nThis is about the journal and the files of one node: the one on this machine, or the one at --url.\n" +
        "docs/operate/disk.md, Encryption at rest, says what else is on a disk, and what is not encrypted.\n" +
        examples("plexus disk", "plexus disk encrypt", "plexus disk encrypt --wait"),
    )
    .action(async (options: AdminOptions) => {
      const { showDisk } = await import("../disk/disk.ts");
      onExit(await showDisk(await adminFlags(options), output));
    });

  withAdminFlags(
    disk
      .command("encrypt")
      .description("Encrypt the disk while the node runs: new data at once, the rest step by step.")
      .option("--wait", "wait until everything is encrypted"),
  )
    .addHelpText(
      "after",
      "\nThe node makes the key, in the file that its configuration names (diskKey). Without that file nothing " +
        "on the disk can be\n" +
        "read: keep a copy of it elsewhere. It is best on another disk than the data.\n" +
        examples("plexus disk encrypt", "plexus disk encrypt --url http://10.0.0.5:7070"),
    )
    .action(async (options: AdminOptions & { readonly wait?: boolean }) => {
      const { setDisk } = await import("../disk/disk.ts");
      onExit(await setDisk(await adminFlags(options), { encrypted: true, wait: options.wait ?? false }, output));
    });

  withTokenFlags(
    disk
      .command("recover")
      .description("Make the key of an encrypted disk again, from the shares of the recovery kit. Stop the node first.")
      .argument("[files...]", "files with shares (default: you type them)")
      .addOption(data())
      .option(
        "--disk-key <file>",
        "the file for the key (default: the one in the configuration, PLEXUS_DISK_KEY or PLEXUS_CONFIG, " +
          "otherwise disk.key in the data folder)",
      )
      .option("--sheet <file>", "kit.json; needed with a token"),
  )
    .addHelpText(
      "after",
      examples("plexus disk recover share-1.txt share-3.txt share-4.txt", "plexus disk recover --data /var/lib/plexus"),
    )
    .action(async (files: readonly string[], options: RecoverOptions) => {
      const { recoverDisk } = await import("../backup/backup-kit.ts");
      const folder = await dataFolderOf(options.data, process.env);
      const keyFile = await diskKeyFileOf(options.diskKey, folder, process.env);
      onExit(await recoverDisk({ folder, keyFile, files, sheet: options.sheet, token: tokenOf(options) }, output));
    });

  withAdminFlags(
    disk
      .command("decrypt")
      .description("Decrypt the disk again. The key's file stays.")
      .option("--wait", "wait until everything is decrypted"),
  )
    .addHelpText("after", examples("plexus disk decrypt"))
    .action(async (options: AdminOptions & { readonly wait?: boolean }) => {
      const { setDisk } = await import("../disk/disk.ts");
      onExit(await setDisk(await adminFlags(options), { encrypted: false, wait: options.wait ?? false }, output));
    });
};
