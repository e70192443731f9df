import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { failure, type ErrorCode, type Later } from "../../../../protocols/index.ts";
import { explain, notices, useSession } from "../../live/index.ts";
import { Icon, type IconName } from "../parts/icons.tsx";
import { useNames, useRooms, useRoomTitle, useScheduled } from "../parts/lists.ts";
import { momentOf } from "../parts/time.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { ChooseTime } from "./choose-time.tsx";
import { LoadedPage } from "./loaded-page.tsx";
import { lineOf, useRemembered } from "./remembered.tsx";
import "./schedule.css";

/** What is sent later, and what the person is reminded of. */
export function LaterPage() {
  return (
    <LoadedPage title="Scheduled" loaded={useScheduled()}>
      {(all) => (
        <>
          <Part title="Messages to be sent" nothing="Write a message, and choose the clock beside Send.">
            {all
              .filter(({ text }) => text !== undefined)
              .map((one) => (
                <Message key={one.id} later={one} />
              ))}
          </Part>
          <Part title="Reminders" nothing="Open the menu of a message, and choose “Remind me …”.">
            {all
              .filter(({ text }) => text === undefined)
              .map((one) => (
                <Reminder key={one.id} later={one} />
              ))}
          </Part>
        </>
      )}
    </LoadedPage>
  );
}

function Part(props: { readonly title: string; readonly nothing: string; readonly children: readonly ReactNode[] }) {
  return (
    <section aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.children.length === 0 ? <p className="dim">None. {props.nothing}</p> : <ul>{props.children}</ul>}
    </section>
  );
}

/** What was changed meanwhile, on another device or by the node, is shown by the list, which is loaded anew. */
function useChanges({ id, atMs }: Later) {
  const session = useSession();
  const { ask } = useDialogs();
  return {
    cancel: () => session.change("cancelLater", { id }),
    remove: async () => {
      const question = { title: "Delete this message?", body: <p>It is not sent.</p>, action: "Delete", grave: true };
      if (await ask(question)) await session.change("cancelLater", { id });
    },
    sendNow: async () => {
      const result = await session.change("sendNow", { id });
      if (result.ok) notices.show("The message is on its way.");
    },
    async change(next: { readonly atMs: number; readonly text?: string }, take: Parameters<typeof session.change>[2]) {
      const isMoved = next.atMs !== atMs;
      const fields = {
        id,
        ...(next.text !== undefined && { text: next.text }),
        ...(isMoved && { atMs: next.atMs, seen: atMs }),
      };
      return (await session.change("changeLater", fields, take)).ok;
    },
  };
}

function Where({ later }: { readonly later: Later }) {
  const titleOf = useRoomTitle();
  const room = useRooms().data?.rooms.find((one) => one.room === later.room);
  const at = later.seq ?? later.replyTo;
  return (
    <Link
      to="/room/$room"
      params={{ room: later.room }}
      search={at === undefined ? {} : { at }}
      className="later-room ellipsis"
      dir="auto"
    >
      {titleOf(room ?? { room: later.room, title: "" })}
    </Link>
  );
}

function Button({
  icon,
  label,
  run,
}: {
  readonly icon: IconName;
  readonly label: string;
  readonly run: () => unknown;
}) {
  return (
    <button type="button" className="later-act" onClick={() => void run()}>
      <Icon name={icon} size={15} /> {label}
    </button>
  );
}

function Message({ later }: { readonly later: Later }) {
  const [isChanging, setChanging] = useState(false);
  const changes = useChanges(later);
  const { text = "", atMs, status, replyTo } = later;
  return (
    <li className="later">
      <div className="later-head">
        <time className="later-time">{status === "sending" ? "On its way" : momentOf(atMs)}</time>
        <span className="dim">{replyTo === undefined ? "in" : "in a thread of"}</span>
        <Where later={later} />
      </div>
      <p dir="auto" className="later-text">
        {text}
      </p>
      {later.failure !== undefined && (
        <p className="bad-text flush">
          <Icon name="warning" size={15} /> {whyNotSent(later.failure)}
        </p>
      )}
      {status !== "sending" && (
        <div className="later-acts">
          <Button icon="edit" label="Change" run={() => setChanging(true)} />
          <Button icon="send" label="Send now" run={changes.sendNow} />
          <Button icon="trash" label="Delete" run={changes.remove} />
        </div>
      )}
      <ChooseTime
        opened={isChanging}
        onClose={() => setChanging(false)}
        title="Change what is sent"
        about={`later/${later.id}`}
        action="Save"
        atMs={atMs}
        text={text}
        onPick={(next, words, take) => changes.change({ atMs: next, ...(words !== text && { text: words }) }, take)}
      />
    </li>
  );
}

const whyNotSent = ({ code, reason }: NonNullable<Later["failure"]>): string => {
  const why = failure(code as ErrorCode, reason === undefined ? undefined : { reason });
  return why.outcome === "unknown"
    ? "It may have been sent: look in the room before you send it again."
    : `It was not sent. ${explain(why)}`;
};

function Reminder({ later }: { readonly later: Later }) {
  const [isChanging, setChanging] = useState(false);
  const changes = useChanges(later);
  const nameFor = useNames();
  const message = useRemembered(later);
  const isDue = later.status === "due";
  return (
    <li className={isDue ? "later due" : "later"}>
      <div className="later-head">
        <time className="later-time">
          {isDue && <span className="tag">due</span>} {momentOf(later.atMs)}
        </time>
        <span className="dim">in</span>
        <Where later={later} />
      </div>
      <p dir="auto" className={typeof message === "object" ? "later-text" : "later-text dim"}>
        {typeof message === "object" && <b>{nameFor(message.author)}: </b>}
        {lineOf(message)}
      </p>
      <div className="later-acts">
        <Button icon="check" label={isDue ? "Done" : "Delete"} run={changes.cancel} />
        <Button icon="clock" label="Another time" run={() => setChanging(true)} />
      </div>
      <ChooseTime
        opened={isChanging}
        onClose={() => setChanging(false)}
        title="Remind me at another time"
        about={`later/${later.id}`}
        action="Save"
        offers
        {...(!isDue && { atMs: later.atMs })}
        onPick={(atMs, _, take) => changes.change({ atMs }, take)}
      />
    </li>
  );
}
