/** Files that are sent from the terminal: a room has one at once, an agent with what is said next. */
import { basename } from "node:path";
import type { Failure, Result } from "../../protocols/errors.ts";
import { ok } from "../../protocols/errors.ts";
import { cleaned } from "../../protocols/text/text.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { FilePort } from "./files.ts";
import type { Printer } from "./printer.ts";
import { noRoom, requestOfText, type Here, type Place, type Request, type Wrong } from "./requests.ts";

interface AttachedPorts<Step> {
  /** Asks where the person is. */
  readonly ask: (asked: Request | Wrong) => Promise<Step>;
  readonly cameTo: (came: Result<unknown> | Wrong) => Step;
  readonly printer: Pick<Printer, "remark" | "dim">;
}

/** What goes with the next text that is said to an agent. */
export class Attached<Step extends { readonly failure?: Failure }> {
  readonly #files: Pick<FilePort, "send">;
  readonly #ports: AttachedPorts<Step>;
  #here: { readonly key: string; readonly files: readonly string[] } | undefined;

  constructor(files: Pick<FilePort, "send">, ports: AttachedPorts<Step>) {
    this.#files = files;
    this.#ports = ports;
  }

  /** Sends a file to where the person is. */
  async send(path: string, place: Place | undefined): Promise<Step> {
    const { ask, cameTo, printer } = this.#ports;
    if (place === undefined) return cameTo(noRoom);
    const sent = await this.#files.send(path, place.kind === "room" ? place.key : `agent/${place.key}`);
    if (!sent.ok) return cameTo(sent);
    const files = [sent.value];
    if (place.kind === "room") return ask({ name: "room.post", parameters: { text: "", files } });
    this.#here = { key: place.key, files: [...this.#at(place), ...files] };
    printer.remark(printer.dim(`${withoutControls(basename(path))} goes with what you say next.`));
    return cameTo(ok(null));
  }

  /** Says a text where the person is; to an agent with what was attached. */
  async say(text: string, here: Here): Promise<Step> {
    const { ask } = this.#ports;
    const asked = requestOfText(text, here);
    const files = here.place?.kind === "agent" && !("wrong" in asked) ? this.#at(here.place) : [];
    if (files.length === 0) return ask(asked);
    const step = await ask({ name: "agent.say", parameters: { text: cleaned(text, "lines"), files: [...files] } });
    if (step.failure === undefined) this.#here = undefined;
    return step;
  }

  #at({ key }: Place): readonly string[] {
    return this.#here?.key === key ? this.#here.files : [];
  }
}
