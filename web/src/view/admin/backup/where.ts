/** Where backups can be made, and what helps where they cannot. Pure. */
import type { BackupFolder, BackupPlaces, BackupWish } from "../../../../../protocols/index.ts";
import { counted } from "../../../../../protocols/words/amounts.ts";
import { explainWithCode } from "../../../model/explain.ts";

/** What a choice of places has for the storage nodes: no folder is called so. */
export const storageNodes = "";

/** The places where a backup can be made now: the storage nodes first, where they can take it. */
export const placesToUse = ({ storage, offered }: Pick<BackupPlaces, "storage" | "offered">): readonly string[] => [
  ...(storage === undefined ? [storageNodes] : []),
  ...offered,
];

/** A place as a task names it. */
export const inPlace = (place: string, { node }: Pick<BackupPlaces, "node">): { readonly folder?: BackupFolder } =>
  place === storageNodes ? {} : { folder: { node: node.id, path: place } };

/** What people call a place. */
export const placeText = (place: string): string => (place === storageNodes ? "the storage nodes" : place);

/** The folder that a task is about. */
export const folderIn = (wish: BackupWish): BackupFolder | undefined => ("folder" in wish ? wish.folder : undefined);

/** ` in /mnt/backup`, for what is done in a folder. */
export function whereText(wish: BackupWish): string {
  const folder = folderIn(wish);
  return folder === undefined ? "" : ` in ${folder.path}`;
}

/** Why the storage nodes take no backup now. */
export function storageText({ storage, nodes }: Pick<BackupPlaces, "storage" | "nodes">): string | undefined {
  if (storage === undefined) return undefined;
  const { needed } = storage.details ?? {};
  const has = nodes === 1 ? "This cluster has one node" : `This cluster has ${counted(nodes, "node")}`;
  if (storage.code === "DISK_FULL")
    return "The storage nodes have no room for another backup. Make room, or add a node.";
  return typeof needed === "number"
    ? `${has}. The cluster can keep backups itself when ${counted(needed, "node")} with the role storage are up.`
    : `${has}, and the storage nodes can take no backup now: ${explainWithCode(storage, "look")}`;
}

/** How to get a folder onto this page, for a person who can use the machine. */
export const folderAdvice = ({
  node,
}: Pick<BackupPlaces, "node">): readonly { readonly command: string; readonly does: string }[] => [
  {
    command: "plexus backup run --to /mnt/backup/plexus",
    does: `Makes a backup into a folder now. Type it on the machine of ${node.name}.`,
  },
  {
    command: "plexus up --backup-folder /mnt/backup/plexus",
    does:
      "Starts the node so that admins can make, schedule and check backups in this folder on this page. The " +
      "setting backupFolders in its configuration does the same. Choose a folder on another disk than the node's: " +
      "it survives the loss of that disk.",
  },
];
