/** The list of all files in quarantine: `quarantine/cluster`. Whether one is in quarantine its room says; the list is
 *  so that admins find them. */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits } from "../limits.ts";
import { nothing, timeMs } from "../wire/schema.ts";
import { fileId, quarantinedFile, type QuarantinedFile } from "./room-files.ts";

/** Where a page of the list ends. */
export const quarantineCursor = Type.String({ pattern: "^[0-9]{1,16}/[0-9a-z._-]{1,168}$", maxLength: 192 });

/** Commands to the list. */
export const quarantineCommands = {
  /** Its room sends it. */
  add: command({
    params: { file: quarantinedFile },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Notes a file in quarantine",
  }),
  /** It is in quarantine no more. Its room sends it; the gateway does, which does not know since when, where an admin
   *  decides about a file that is gone. */
  drop: command({
    params: { id: fileId, sinceMs: Type.Optional(timeMs) },
    result: nothing,
    from: ["actor", "gateway"],
    effect: "changes",
    summary: "Forgets a file",
  }),
  list: command({
    params: {
      /** The `next` of the page before. */
      after: Type.Optional(quarantineCursor),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.pageEntriesMax })),
    },
    result: answer<QuarantinePage>("QuarantinePage"),
    from: ["gateway"],
    effect: "reads",
    permission: "audit.read",
    summary: "Files in quarantine, newest first",
    answers: "page",
  }),
} as const;

/** A page of it. */
export interface QuarantinePage {
  readonly files: readonly QuarantinedFile[];
  /** Where the next page begins. Absent: this is the last. */
  readonly next?: string;
  /** Files for which the list of a version before had no room: only their rooms know of them. Absent: none. */
  readonly unlisted?: number;
}
