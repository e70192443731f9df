import type { Client } from "../../client/index.ts";
import type { Result } from "../../protocols/errors.ts";
import { cleaned } from "../../protocols/text/text.ts";
import type { CommandName, Line } from "./commands.ts";
import { Agenda } from "./later.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import { noRoom, onNumber, type Wrong } from "./requests.ts";
import { Shelf } from "./saved.ts";
import type { Look } from "./view.ts";
import type { Visit } from "./visit.ts";

type Came = Promise<Result<unknown> | Wrong> | Wrong;

type Typed = Pick<Extract<Line, { type: "command" }>, "words" | "rest">;

const names = ["later", "remind", "scheduled", "unschedule", "keep", "saved", "unsave"] as const;
type OwnCommand = (typeof names)[number];

/** Whether a command is about what is a person's own. */
export const isOwn = (name: CommandName): name is OwnCommand => names.some((one) => one === name);

/** What is a person's own, wherever they are. */
export interface Own {
  run(name: OwnCommand, line: Typed, look: Look, visit: Visit | undefined): Came;
  /** Tells what is due or was not sent: this, or all of it. */
  tell(id?: number): Promise<void>;
}

/** Commands about what is sent later, reminded of and saved. */
export function createOwn(
  user: string,
  client: Pick<Client, "call">,
  at: { readonly printer: Printer; readonly names: Names },
): Own {
  const agenda = new Agenda(user, client, at.printer);
  const shelf = new Shelf(user, client, at);
  return {
    tell: (id) => agenda.tell(id),
    run(name, { words: [first = "", second = ""], rest }, look, visit) {
      const inRoom = (act: (room: string) => Came): Came =>
        visit?.place.kind === "room" ? act(visit.place.key) : noRoom;
      switch (name) {
        case "later":
          return inRoom(async (room) =>
            agenda.send(room, first, cleaned((await visit?.asSent(rest)) ?? rest, "lines")),
          );
        case "remind":
          return onNumber(first, (seq) => inRoom((room) => agenda.remind(room, seq, second)));
        case "scheduled":
          return agenda.list();
        case "unschedule":
          return onNumber(first, (id) => agenda.cancel(id));
        case "keep":
          return onNumber(first, (seq) => inRoom((room) => shelf.save(room, seq)));
        case "saved":
          return shelf.list(look);
        case "unsave":
          return shelf.remove(first);
      }
    },
  };
}
