/** `/later`, `/scheduled`, `/unschedule` and `/remind`: messages that are sent later, and reminders. */
import type { Client } from "../../client/index.ts";
import type { Result } from "../../protocols/errors.ts";
import type { Later } from "../../protocols/index.ts";
import { cut } from "../../protocols/text/text.ts";
import { dayText } from "../../protocols/words/finding.ts";
import { laterTimeOf, laterWords } from "../../protocols/words/later-times.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Printer } from "./printer.ts";
import type { Wrong } from "./requests.ts";

const shownChars = 160;

/** A time as the person's clock shows it: `2026-11-27 18:30`. */
function momentText(atMs: number): string {
  const at = new Date(atMs);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${dayText(atMs)} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

const line = (text: string): string => withoutControls(cut(text.replaceAll(/\s+/g, " ").trim(), shownChars));

/** Whether nobody knows what became of it: it may have been sent. */
const isInDoubt = ({ status, failure }: Later): boolean => status === "failed" && failure?.code === "ASK_TIMEOUT";

/** What is scheduled, one line each. */
function describeLater(later: Later): string {
  const { id, room, seq, text, atMs, status, failure } = later;
  const place = withoutControls(`${room}${seq === undefined ? "" : ` #${seq}`}`);
  const what = text === undefined ? `reminder of ${place}` : `to ${place}: ${line(text)}`;
  const doubt = ` (it may have been sent: look in ${withoutControls(room)} before you send it again)`;
  const how = {
    waiting: "",
    sending: " (on its way)",
    due: ` (due: /unschedule ${id} when it is done)`,
    failed: isInDoubt(later) ? doubt : ` (not sent: ${withoutControls(failure?.reason ?? failure?.code ?? "refused")})`,
  }[status];
  return `${id}. ${momentText(atMs)} ${what}${how}`;
}

/** What a person has scheduled. */
export class Agenda {
  readonly #user: string;
  readonly #client: Pick<Client, "call">;
  readonly #printer: Printer;

  constructor(user: string, client: Pick<Client, "call">, printer: Printer) {
    this.#user = user;
    this.#client = client;
    this.#printer = printer;
  }

  /** A time that somebody has typed. */
  #timeOf(word: string): number | Wrong {
    return laterTimeOf(word, Date.now()) ?? { wrong: `${withoutControls(word)} is not a time: ${laterWords}.` };
  }

  #say(result: Result<Later>, words: string): void {
    if (!result.ok) return;
    const { id, atMs } = result.value;
    this.#printer.show(
      { later: result.value },
      this.#printer.dim(`* ${words} ${momentText(atMs)}; /unschedule ${id} takes it back`),
    );
  }

  /** Writes down what is sent to a room. */
  async send(room: string, time: string, text: string): Promise<Result<unknown> | Wrong> {
    const atMs = this.#timeOf(time);
    if (typeof atMs !== "number") return atMs;
    const result = await this.#client.call("user.schedule", this.#user, { room, text, atMs });
    this.#say(result, "this is sent on");
    return result;
  }

  async remind(room: string, seq: number, time: string): Promise<Result<unknown> | Wrong> {
    const atMs = this.#timeOf(time);
    if (typeof atMs !== "number") return atMs;
    const result = await this.#client.call("user.remindMe", this.#user, { room, seq, atMs });
    this.#say(result, `you are reminded of #${seq} on`);
    return result;
  }

  async list(): Promise<Result<unknown>> {
    const { show, remark, dim } = this.#printer;
    const result = await this.#client.call("user.later", this.#user, {});
    if (!result.ok) return result;
    for (const later of result.value.later) show({ later }, describeLater(later));
    if (result.value.later.length === 0)
      remark(
        dim("Nothing is scheduled. /later TIME TEXT sends a text later, /remind N TIME reminds you of a message."),
      );
    return result;
  }

  cancel(id: number): Promise<Result<unknown>> {
    return this.#client.call("user.cancelLater", this.#user, { id });
  }

  /** Tells the person what is due or was not sent: `id`, or all of it. */
  async tell(id?: number): Promise<void> {
    const { remark, dim } = this.#printer;
    const result = await this.#client.call("user.later", this.#user, {});
    const later = result.ok ? result.value.later : [];
    const isNews = ({ status }: Later): boolean => status === "due" || status === "failed";
    const news = later.filter((one) => isNews(one) && (id === undefined || one.id === id));
    for (const one of news) {
      const said = one.text === undefined && one.seq !== undefined ? await this.#said(one.room, one.seq) : undefined;
      const words = one.status === "due" ? "Reminder" : isInDoubt(one) ? "Maybe not sent" : "Not sent";
      remark(dim(`* ${words}: ${describeLater(one)}${said === undefined ? "" : `: ${said}`}`));
    }
  }

  /** What a message says now; undefined: the person may not read it. */
  async #said(room: string, seq: number): Promise<string | undefined> {
    const page = await this.#client.call("room.history", room, { before: seq + 1, limit: 1 });
    const message = page.ok ? page.value.messages.find((one) => one.seq === seq) : undefined;
    if (message === undefined) return undefined;
    return message.deletedAtMs === undefined ? line(message.text) : "it was deleted";
  }
}
