/** Previews: what a room's node makes of what was posted there, so that readers need not (docs/decisions/0241).
 *
 *      posted, edited ─ committed ─► links ─► the author wants it? ─► read by the guard ─► opened apart ─► the room
 *
 *      posted, checked ─ committed ─► files ─► read ─► opened apart: smaller, or the first page ─► the room
 *
 *      posted, checked ─ committed ─► texts ─► read; documents are opened apart ─► the room, and so the index
 *
 *  Nothing here is durable: where a node ends before the room has it, the message has no preview. What the room has is
 *  a fact, and lives and dies with the message. */
import type { ActorId, RoomEvent } from "../../protocols/index.ts";
import type { Publisher } from "../ports/index.ts";
import { previewLimits, type PreviewLimits } from "./limits.ts";
import { createFilePictures } from "./files.ts";
import { createLinkPreviews } from "./links.ts";
import { createFileTexts } from "./texts.ts";
import type { PreviewPorts } from "./ports.ts";

export { previewLimits } from "./limits.ts";
export type { PreviewPorts } from "./ports.ts";

interface Previews {
  /** An actor of this node, its owner since `epoch`, has published something: it is committed. Cheap. */
  heard(actor: ActorId, event: unknown, epoch: number): void;
  stop(): void;
}

/** Makes them. */
export function createPreviews(
  options: Omit<PreviewPorts, "limits"> & { readonly limits?: Partial<PreviewLimits> },
): Previews {
  const ports: PreviewPorts = { ...options, limits: { ...previewLimits, ...options.limits } };
  const links = createLinkPreviews(ports);
  const files = createFilePictures(ports);
  const texts = createFileTexts(ports);
  return {
    heard(actor, event, epoch) {
      if (!actor.startsWith("room/")) return;
      const said = event as RoomEvent;
      if (said.type === "posted") {
        links.heard(actor, said.message);
        files.heard(actor, said.message);
        texts.heard(actor, said.message);
      }
      // Of `checked` and `groups` nobody has edited anything.
      if (said.type === "edited" && said.checked === undefined && said.groups === undefined)
        links.heard(actor, said.message);
      // A scanner has let a file through.
      if (said.type === "edited" && said.checked !== undefined && said.checked !== "") {
        files.heard(actor, said.message, said.checked);
        // That it has a picture by now is no news of its text.
        const drawn = said.message.files?.some(({ id, preview }) => id === said.checked && preview !== undefined);
        if (drawn !== true) texts.heard(actor, said.message, said.checked);
      }
      texts.noticed(actor, epoch);
    },
    stop() {
      links.stop();
      files.stop();
      texts.stop();
    },
  };
}

/** What actors publish, heard by one more who comes later. */
export interface PublishedTap {
  over(publisher: Publisher): Publisher;
  listen(listener: Previews["heard"]): () => void;
}

/** Makes it. */
export function tapPublished(): PublishedTap {
  let heard: Previews["heard"] | undefined;
  return {
    over: (publisher) => ({
      publish(actor, event, at, epoch) {
        publisher.publish(actor, event, at, epoch);
        if (at !== undefined) heard?.(actor as ActorId, event, epoch);
      },
    }),
    listen(listener) {
      heard = listener;
      return () => (heard = undefined);
    },
  };
}
