/** What members see of the pages that a message links to. */
import { Type, type Static } from "typebox";
import { command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { line, nothing, object, position } from "../wire/schema.ts";
import { fileId, madePicture, madeSide as side } from "./room-files.ts";

/** Made by the node that read the page: a small picture of its own, and no address of another. */
const previewPicture = object({ id: fileId, width: side, height: side });

const told = {
  /** As the message has it. */
  url: Type.String({ maxLength: limits.previewUrlCharsMax }),
  title: line(limits.previewTitleCharsMax),
  description: Type.Optional(line(limits.previewTextCharsMax)),
  /** What the site calls itself. */
  site: Type.Optional(line(limits.previewSiteCharsMax)),
} as const;

const linkPreview = object({ ...told, image: Type.Optional(previewPicture) });
export type LinkPreview = Static<typeof linkPreview>;

/** Previews of a message. None, but there: its author, or a moderator, wants none. */
export const roomPreviews = Type.Array(linkPreview, { maxItems: limits.previewsPerMessageMax });

/** Commands of a room about previews. */
export const roomPreviewCommands = {
  /** The room's node has read the pages. `edited`: the `editedAtMs` of the text that it has read, 0 where there was
   *  none. Errors: NOT_FOUND, CHANGED_MEANWHILE (the text is another by now, or nobody wants previews). */
  preview: command({
    params: {
      seq: position,
      edited: position,
      previews: Type.Array(object({ ...told, picture: Type.Optional(madePicture), kept: Type.Optional(fileId) }), {
        maxItems: limits.previewsPerMessageMax,
      }),
    },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says what the pages are that a message links to",
  }),
} as const;
