/** What page and terminal say of a file that a scanner has looked at, or has to. */
import type { FileCheck } from "../kinds/room-files.ts";

const words: Readonly<Record<FileCheck, string | undefined>> = {
  scanning: "Being checked: nobody can fetch it yet",
  clean: undefined,
  unscanned: "Not checked",
  quarantined: "In quarantine",
  released: "Released from quarantine",
  removed: "Removed by an admin",
};

/** In a few words; undefined: there is nothing to say. A node of a later version may say what is not known here. */
export const checkText = (check: FileCheck | undefined): string | undefined =>
  check === undefined || !Object.hasOwn(words, check) ? undefined : words[check];

/** Whether nobody can fetch it now. */
export const isWithheld = ({ check }: { readonly check?: FileCheck | undefined }): boolean =>
  check === "scanning" || check === "quarantined" || check === "removed";
