/** The encryption of a node's disk. */
import { answer } from "../wire/command.ts";
import { setDisk, type DiskStatus } from "../admin/disk.ts";
import { changes, reads } from "./operation.ts";

const tags = ["admin"];

export const diskOperations = {
  "disk.show": reads({
    answer: answer<DiskStatus>("DiskStatus"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "Whether this node's disk is encrypted, and how far it is",
    tags,
  }),
  "disk.set": changes({
    fields: setDisk,
    answer: answer<DiskStatus>("DiskStatus"),
    permission: "keys.manage",
    errors: ["NOT_FOUND", "KEY_MISSING", "CONFIG_INVALID", "DATA_DAMAGED"],
    action: "setDisk",
    facts: ({ encrypted }) => ({ encrypted }),
    summary: "Encrypts this node's disk, or decrypts it, while the node runs",
    description:
      "New data is encrypted at once; older data is rewritten slot by slot. The key is written to `keyFile`.",
    tags,
  }),
};
