/** What previews need from others. */
import type { ActorId, KeptFile, MadePicture, Result } from "../../protocols/index.ts";
import type { Opener } from "../../runtimes/opened/index.ts";
import type { Clock, Log, Meter } from "../ports/index.ts";
import type { PreviewLimits } from "./limits.ts";

/** A page of the web, or a picture in one. */
export interface WebBody {
  /** Where it was, at the end. */
  readonly url: string;
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly isCut: boolean;
}

interface Asked {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface PreviewPorts {
  /** What the cluster wants. */
  readonly settings: () => { readonly links: boolean; readonly files: boolean };
  /** Reads from the internet, and from nowhere else. Rejects where it cannot. */
  readonly read: (
    url: string,
    how: {
      readonly signal: AbortSignal;
      readonly bytesMax: number;
      readonly isWanted: (type: string) => boolean;
      /** Asked of each host, the one that is redirected to, too. */
      readonly mayAsk: (host: string) => boolean;
    },
  ) => Promise<WebBody>;
  readonly opener: Pick<Opener, "open" | "tried">;
  /** Asks an actor, as this node itself or as a gateway does. */
  readonly ask: (to: ActorId, message: Asked, timeoutMs: number, as?: "gateway" | "node") => Promise<Result<unknown>>;
  /** Seals a picture and keeps it beside a room, once the room has said by `tell` that it has it. */
  readonly keepPicture: (
    room: ActorId,
    picture: Pick<MadePicture, "width" | "height"> & { readonly bytes: Uint8Array },
    tell: (made: MadePicture) => Promise<Result<unknown>>,
  ) => Promise<Result<unknown>>;
  /** The bytes of a file, opened. */
  readonly bytesOf: (file: KeptFile) => AsyncIterable<Uint8Array>;
  /** Every node of the cluster deletes the texts of files with their messages. */
  readonly isKnownToAll: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: PreviewLimits;
}
