import { useMemo, useRef, useState, type RefObject } from "react";
import type { RoomMessage } from "../../../../protocols/index.ts";
import { normalEmoji } from "../../../../protocols/text/emoji.ts";
import { notices, useSession, type RoomStore } from "../../live/index.ts";
import { quotationOf, withQuotation } from "../../model/index.ts";
import { copyText } from "../parts/clipboard.ts";
import { notLoaded } from "../parts/later.ts";
import { useNames } from "../parts/lists.ts";
import { useDialogs, type Dialogs } from "../shell/dialogs.tsx";
import { linkTo, type Address } from "./address.ts";
import type { MessageActions } from "./message-actions.ts";
import type { Asked } from "./room-dialog.tsx";
import type { Picked } from "./selecting.ts";

const loadSelecting = () => import("./selecting.ts");

const importDeleting = () => import("./deleting.tsx");

/** Loaded once the room is there, so that a node that is away then is not in the way of the question. */
export const loadDeleting = async () => (deletingPart ??= await importDeleting());
let deletingPart: Awaited<ReturnType<typeof importDeleting>> | undefined;

/** What the actions need of the room's screen. What is of `now` may be another each time: it is read when it is
 *  needed. */
interface Screen {
  readonly now: Address & { readonly show: (seq: number) => Promise<void> };
  readonly moderates: boolean;
  readonly isClosed: boolean;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly setEditing: MessageActions["setEditing"];
  readonly setPicked: (next: (before: Picked | undefined) => Picked | undefined) => void;
  readonly setAsked: (asked: Asked) => void;
}

/** What can be done with the messages of a room: one object for as long as it can, so that memoised rows stay. */
export function useMessageActions(store: RoomStore, screen: Screen): MessageActions {
  const session = useSession();
  const nameFor = useNames();
  const { ask } = useDialogs();
  const { moderates, isClosed, field, setEditing, setPicked, setAsked } = screen;
  const { room } = store;
  const now = { ...screen.now, ask };
  const current = useRef(now);
  current.current = now;
  const [unfolded] = useState(() => new Set<number>());
  return useMemo<MessageActions>(() => {
    const actions: MessageActions = {
      me: session.me,
      room: store,
      moderates,
      nameFor,
      react: (message, picked) => react(store, message, { picked, me: session.me }),
      openThread: (root) => current.current.setPanel("thread", root),
      setEditing(seq, on) {
        setEditing(seq, on);
        if (!on) field.current?.focus();
      },
      remove: (message) => void remove(message, actions, current.current.ask),
      removePreviews: ({ seq }) => void store.change("removePreviews", { seq }),
      pin: (message) => void pin(store, message),
      quote(message, inThread) {
        const at = inThread ? `room/${room}/thread/${message.replyTo ?? message.seq}` : `room/${room}/text`;
        const quotation = quotationOf(message, { name: nameFor(message.author) });
        session.kept.write(at, withQuotation(session.kept.read(at), quotation));
        if (!inThread) field.current?.focus();
      },
      forward: (message) => setAsked({ kind: "forward", message }),
      moveTopic: (message) => setAsked({ kind: "move", messages: [message] }),
      openTopic: (topic) => current.current.showTopic(topic),
      copyLink: ({ seq }) => void copyLink(room, seq),
      show: (seq) => void current.current.show(seq),
      showVersions: (seq) => current.current.setPanel("edits", seq),
      isClosed,
      pick(message, event) {
        if (!/^x$/i.test(event?.key ?? "x")) return;
        // The menu begins it at once: a click right after it selects, and Escape ends it.
        const begins = event === undefined;
        if (begins) setPicked((before) => before ?? new Map());
        void loadSelecting().then(({ pickedAfter }) => {
          setPicked((before) => (begins && before === undefined ? before : pickedAfter(before, store, message, event)));
        });
      },
      remind: ({ seq }) => setAsked({ kind: "remind", seq }),
      markUnread: ({ seq }) => void store.markUnread(seq),
      unfolded,
    };
    return actions;
  }, [session, store, nameFor, moderates, isClosed, setEditing, unfolded]);
}

/** Takes a reaction back where it is the person's own already. */
function react(
  store: RoomStore,
  message: RoomMessage,
  { picked, me }: { readonly picked: string; readonly me: string },
) {
  const emoji = normalEmoji(picked) ?? picked;
  const on = message.reactions?.[emoji]?.includes(me) !== true;
  void store.change("react", { seq: message.seq, emoji, on });
}

async function remove(message: RoomMessage, actions: MessageActions, ask: Dialogs["ask"]): Promise<void> {
  // Asked at once where it can be: the menu that closes gives the focus back, and the dialog takes it from there.
  const part = deletingPart ?? (await loadDeleting().catch(notLoaded));
  await part?.remove(message, actions, ask);
}

async function pin(store: RoomStore, { seq, pinned }: RoomMessage): Promise<void> {
  const result = await store.change("pin", { seq, on: pinned !== true });
  if (result.ok && pinned === true)
    notices.done("The message is no longer pinned.", () => void store.change("pin", { seq, on: true }));
}

async function copyLink(room: string, seq: number): Promise<void> {
  if (await copyText(linkTo(room, seq))) notices.show("Link copied.");
}
