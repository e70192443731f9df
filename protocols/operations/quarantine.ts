/** Files that a scanner has found something in, and the scanners. */
import { Type } from "typebox";
import { withoutScanner } from "../engines/scan.ts";
import { quarantineCursor, type QuarantinePage } from "../kinds/quarantine.ts";
import { fileId, type QuarantinedFile } from "../kinds/room-files.ts";
import { answer } from "../wire/command.ts";
import { limit, object } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const one = object({ file: fileId });
const settled = {
  params: one,
  answer: answer<QuarantinedFile>("QuarantinedFile"),
  permission: "files.quarantine",
  errors: ["NOT_FOUND", "ALREADY_DONE", "SIGN_IN_AGAIN", ...ofActors],
  facts: ({ file }: { readonly file: string }) => ({ file }),
  tags,
} as const;

export const quarantineOperations = {
  "quarantine.list": reads({
    fields: object({ after: Type.Optional(quarantineCursor), limit: Type.Optional(limit) }),
    answer: answer<QuarantinePage>("QuarantinePage"),
    permission: "audit.read",
    errors: [...ofActors],
    summary: "The files in quarantine, newest first, each with its signature, sender and room",
    tags,
  }),
  "quarantine.release": changes({
    ...settled,
    action: "releaseFile",
    summary: "Lets a file out of quarantine: everybody who may read its message can fetch it; answers with what it was",
  }),
  "quarantine.remove": changes({
    ...settled,
    action: "removeFile",
    summary: "Deletes a file in quarantine; its name stays in the message; answers with what it was",
  }),
  "quarantine.scanners": reads({
    answer: fieldsOf({
      scan: Type.Boolean(),
      withoutScanner,
      scanners: listOf(
        Type.Object({
          node: Type.String(),
          /** `ready`, `loading`, `failed`. */
          state: Type.String(),
          reason: Type.Optional(Type.String()),
          /** Files under way there, as far as this node knows. */
          calls: Type.Optional(Type.Integer()),
        }),
      ),
    }),
    permission: "cluster.see",
    errors: [],
    summary: "The nodes that scan files, whether their scanners answer, and what becomes of files without one",
    tags,
  }),
};
