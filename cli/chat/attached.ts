/** Files that are sent from the terminal: a room has one at once, an agent with what is said next. */
import { basename } from "node:path";
import type { Result } from "../../protocols/errors.ts";
import { ok } from "../../protocols/errors.ts";
import { cleaned } from "../../protocols/text/text.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { FilePort } from "./files.ts";
import { noRoom, requestOfText, type Here, type Place, type Request, type Wrong } from "./requests.ts";

/** What goes with the next text that is said to an agent. */
export class Attached {
  readonly #files: Pick<FilePort, "send">;
  readonly #remark: (text: string) => void;
  #here: { readonly key: string; readonly files: readonly string[] } | undefined;

  constructor(files: Pick<FilePort, "send">, remark: (text: string) => void) {
    this.#files = files;
    this.#remark = remark;
  }

  /** Sends a file to where the person is; gives what is to be asked for it to be seen, if anything. */
  async send(path: string, place: Place | undefined): Promise<Result<Request | undefined> | Wrong> {
    if (place === undefined) return noRoom;
    const sent = await this.#files.send(path, place.kind === "room" ? place.key : `agent/${place.key}`);
    if (!sent.ok) return sent;
    const files = [sent.value];
    if (place.kind === "room") return ok({ name: "room.post", parameters: { text: "", files } });
    this.#here = { key: place.key, files: [...this.#at(place), ...files] };
    this.#remark(`${withoutControls(basename(path))} goes with what you say next.`);
    return ok(undefined);
  }

  /** What is asked for a text to be said, with what was attached there. */
  saying(text: string, here: Here): Request | Wrong {
    const { place } = here;
    const asked = requestOfText(text, here);
    const files = place?.kind === "agent" && !("wrong" in asked) ? this.#at(place) : [];
    if (files.length === 0) return asked;
    return { name: "agent.say", parameters: { text: cleaned(text, "lines"), files: [...files] } };
  }

  /** It was said. */
  said(asked: Request | Wrong): void {
    if ("name" in asked && asked.name === "agent.say") this.#here = undefined;
  }

  #at({ key }: Place): readonly string[] {
    return this.#here?.key === key ? this.#here.files : [];
  }
}
