/** `/keep`, `/saved` and `/unsave`: messages that a person keeps for later. */
import type { Client } from "../../client/index.ts";
import { ok, type Result } from "../../protocols/errors.ts";
import type { RoomMessage, SavedMessage } from "../../protocols/index.ts";
import { cut } from "../../protocols/text/text.ts";
import { cliLimits } from "../limits.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import type { Wrong } from "./requests.ts";
import type { Look } from "./view.ts";

const shownChars = 160;

/** What a person has saved, by the numbers of the last list. */
export class Shelf {
  readonly #user: string;
  readonly #client: Pick<Client, "call">;
  readonly #at: { readonly printer: Printer; readonly names: Pick<Names, "ready"> };
  #listed: readonly SavedMessage[] = [];

  constructor(
    user: string,
    client: Pick<Client, "call">,
    at: { readonly printer: Printer; readonly names: Pick<Names, "ready"> },
  ) {
    this.#user = user;
    this.#client = client;
    this.#at = at;
  }

  save(room: string, seq: number): Promise<Result<unknown>> {
    return this.#client.call("user.saveMessage", this.#user, { room, seq });
  }

  /** The newest of them, as they are now. What the person may not read any more is passed over. */
  async list(look: Look): Promise<Result<unknown>> {
    const { printer, names } = this.#at;
    const result = await this.#client.call("user.saved", this.#user, {});
    if (!result.ok) return result;
    this.#listed = result.value.saved.slice(0, cliLimits.shownEntries);
    for (const [at, one] of this.#listed.entries()) {
      const page = await this.#client.call("room.history", one.room, { before: one.seq + 1, limit: 1 });
      if (!page.ok) continue;
      const message = page.value.messages.find(({ seq }) => seq === one.seq);
      await names.ready(message);
      printer.show({ saved: one, message }, `${at + 1}. ${describeSaved(one, message, look)}`);
    }
    const more = result.value.saved.length - this.#listed.length;
    if (more > 0) printer.remark(printer.dim(`${more} older ones are not shown.`));
    if (this.#listed.length === 0) printer.remark(printer.dim("Nothing is saved. /keep N saves message N of a room."));
    return result;
  }

  async remove(number: string): Promise<Result<unknown> | Wrong> {
    const one = /^\d{1,3}$/.test(number) ? this.#listed[Number(number) - 1] : undefined;
    if (one === undefined) return { wrong: `The last list has no number ${withoutControls(number)}: /saved.` };
    const { room, seq } = one;
    const result = await this.#client.call("user.unsaveMessage", this.#user, { room, seq });
    return result.ok || result.error.code !== "NOT_FOUND" ? result : ok({});
  }
}

function describeSaved({ room, seq }: SavedMessage, message: RoomMessage | undefined, { who, said }: Look): string {
  const place = withoutControls(`${room} #${seq}`);
  if (message === undefined || message.deletedAtMs !== undefined) return `${place} (deleted)`;
  const text = withoutControls(cut(said(message).replaceAll(/\s+/g, " ").trim(), shownChars));
  return `${place} ${who(message.author)}: ${text}`;
}
