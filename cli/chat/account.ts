import type { Activity, Client } from "../../client/index.ts";
import type { Notice, RoomEvent, UserView } from "../../protocols/index.ts";
import {
  isDirectNow,
  mayBeRoomByNow,
  plainNotifications,
  tell,
  type Telling,
  type ToldMessage,
  wishOf,
} from "../../protocols/telling/index.ts";
import { hasKeyword, keywordTerms } from "../../protocols/telling/keywords.ts";
import { noticeText, peopleIn } from "../../protocols/words/notice-text.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Names } from "./names.ts";
import { createOwn, type Own } from "./own.ts";
import type { Printer } from "./printer.ts";

type Known = Pick<UserView, "notifications" | "sidebar" | "status">;
type Posted = Extract<RoomEvent, { readonly type: "posted" }>;

/** The person's own account, as it is followed: news of the cluster, and what they want to be told of. */
export class Account {
  /** What is sent later, reminded of and saved. */
  readonly own: Own;
  readonly #user: string;
  readonly #client: Pick<Client, "call">;
  #known: Known = {};

  /** Tells the person news of the cluster that concern them, with people by the names that they show. A person who
   *  cannot follow their own account is told so by all that they ask. */
  constructor(client: Pick<Client, "call" | "follow">, user: string, printer: Printer, names: Names) {
    this.#user = user;
    this.#client = client;
    this.own = createOwn(user, client, { printer, names });
    const tellNotice = (notice: Notice): void => {
      const isOver = Date.parse(notice.facts["resets"] ?? "") <= Date.now();
      const people = peopleIn(notice).map((account) => `user/${account}`);
      const print = (): void => {
        const text = noticeText(notice, user, (account) => names.listed(`user/${account}`));
        if (text !== undefined && !isOver) printer.show({ notice }, printer.dim(withoutControls(`* ${text}`)));
      };
      if (names.has(people)) print();
      else void names.ready(people).then(print);
    };
    client.follow(`user/${user}`, {
      state: (view) => {
        this.#known = view;
        for (const notice of view.notices ?? []) tellNotice(notice);
      },
      event: (event) => {
        if (event.type === "noticed") tellNotice(event.notice);
        else if (event.type === "laterSet" && (event.status === "due" || event.status === "failed"))
          void this.own.tell(event.id);
        else if (event.type === "profileSet") this.#known = event.view;
        else if (event.type === "sidebarSet") this.#known = { ...this.#known, sidebar: event.sidebar };
        else if (event.type === "notificationsSet")
          this.#known = { ...this.#known, notifications: event.notifications };
      },
      refused: () => undefined,
    });
  }

  get rules() {
    return this.#known.notifications ?? plainNotifications;
  }

  /** How the person is told of a message in another room. Who follows a thread, only its room knows: `any` is how they
   *  are told if they do. What they interest of its topic, the room is asked. */
  async toldElsewhere(news: Activity): Promise<{ readonly telling: Telling; readonly any: Telling }> {
    const { room, author, mentioned, reply = false, keyword = false, thread } = news;
    const message = { room, author, mentioned, keyword, ...(await this.#ofRoom(room, news.topic)) };
    return {
      telling: this.#told({ ...message, reply, threadOnly: thread !== undefined }),
      any: this.#told({ ...message, reply, threadOnly: false }),
    };
  }

  /** How the person is told of a message in the room where they are. */
  async toldHere(room: string, { message, root }: Posted): Promise<Telling> {
    const { author, text, mentions = [], threadOnly, topic } = message;
    const me = `user/${this.#user}`;
    return this.#told({
      room,
      author,
      ...(await this.#ofRoom(room, topic)),
      mentioned: mentions.includes(me),
      keyword: hasKeyword(text, keywordTerms(this.rules.keywords)),
      reply: root?.author === me,
      threadOnly: threadOnly === true,
    });
  }

  /** What of a message only its room knows. */
  async #ofRoom(room: string, topic: string | undefined): Promise<Pick<ToldMessage, "direct" | "interest">> {
    if (!mayBeRoomByNow(room) && topic === undefined) return { direct: isDirectNow(room, undefined) };
    const said = await this.#client.call("room.summary", room, {});
    if (!said.ok) return { direct: isDirectNow(room, undefined) };
    return { direct: isDirectNow(room, said.value.visibility), interest: wishOf(said.value, topic) };
  }

  #told({ author, ...message }: Omit<ToldMessage, "isOwn"> & { readonly author: string }): Telling {
    return tell(this.#known, { ...message, isOwn: author === `user/${this.#user}` }, Date.now());
  }
}
