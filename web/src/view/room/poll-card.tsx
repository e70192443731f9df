import { Button } from "@mantine/core";
import { useEffect, useId, useState } from "react";
import type { Poll, PollResults, RoomMessage } from "../../../../protocols/index.ts";
import { useShown, type RoomStore } from "../../live/index.ts";
import type { RoomModel } from "../../model/index.ts";
import { useNames } from "../parts/lists.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { listed } from "./listed.ts";
import { callingIn } from "./calling-in.ts";
import { NamedLine } from "./named-line.tsx";
import type { MessageActions } from "./message-actions.ts";

const none: readonly number[] = [];
const unnamed: readonly string[] = [];

/** A poll below its question: what can be chosen, how many chose it, and what one has chosen oneself. Choosing marks;
 *  only the button votes, so that keys which move through the options send nothing. */
export default function PollCard(props: {
  readonly message: RoomMessage;
  readonly poll: Poll;
  readonly actions: MessageActions;
}) {
  const { message, poll, actions } = props;
  const { room, me, moderates } = actions;
  const { ask } = useDialogs();
  const mine = useShown(room.store, (model: RoomModel) => model.votes[message.seq]) ?? none;
  // What is marked and not voted for yet.
  const [marked, setMarked] = useState<readonly number[]>();
  const [busy, setBusy] = useState(false);
  const [named, setNamed] = useState(false);
  const group = useId();
  const closed = poll.closedAtMs !== undefined;
  const chosen = marked ?? mine;
  const isChanged = chosen.length !== mine.length || chosen.some((choice) => !mine.includes(choice));
  const mark = (choice: number) => {
    if (poll.multiple !== true) return setMarked([choice]);
    setMarked(chosen.includes(choice) ? chosen.filter((other) => other !== choice) : [...chosen, choice]);
  };
  const vote = async (choices: readonly number[]) => {
    setBusy(true);
    const result = await room.vote(message.seq, choices);
    setBusy(false);
    if (result.ok) setMarked(undefined);
  };
  const close = async () => {
    if (await ask(closing(message, actions))) await room.change("closePoll", { seq: message.seq });
  };
  const namesOf = (choices: readonly number[]) => listed(choices.map((choice) => poll.options[choice]?.text ?? ""));
  return (
    <fieldset className="poll">
      <legend className="hidden-text">
        {closed ? "Closed poll" : "Poll"}:{" "}
        <NamedLine text={message.text} calling={callingIn(room, message.mentions ?? unnamed, actions.nameFor)} />
      </legend>
      {poll.options.map(({ text, votes }, choice) => (
        <label key={text} className="poll-option" data-chosen={mine.includes(choice)}>
          <span
            className="poll-share"
            aria-hidden="true"
            style={{ inlineSize: `${(100 * votes) / Math.max(1, poll.voters)}%` }}
          />
          {!closed && (
            <input
              type={poll.multiple === true ? "checkbox" : "radio"}
              name={group}
              checked={chosen.includes(choice)}
              onChange={() => mark(choice)}
            />
          )}
          <span className="grow" dir="auto">
            {text}
          </span>
          <span className="poll-votes">
            {votes}
            <span className="hidden-text"> {votes === 1 ? "vote" : "votes"}</span>
          </span>
        </label>
      ))}
      <div className="poll-foot">
        {!closed && (
          <Button
            size="xs"
            // Not `disabled`: that would take the focus away from a person who has just voted by keyboard.
            aria-disabled={!isChanged || busy}
            {...((!isChanged || busy) && { "data-disabled": true })}
            onClick={() => {
              if (isChanged && !busy) void vote(chosen);
            }}
          >
            {mine.length === 0 ? "Vote" : "Change vote"}
          </Button>
        )}
        {!closed && mine.length > 0 && (
          <button type="button" className="link" onClick={() => void vote([])}>
            Take the vote back
          </button>
        )}
        <span className="poll-state">
          <span className="dim">
            {closed ? "Closed. " : ""}
            {poll.voters === 1 ? "1 person has voted" : `${poll.voters} people have voted`}
            {poll.multiple === true && !closed ? ". Several may be chosen." : ""}
          </span>
          {!closed && poll.voters > 0 && (
            <button type="button" className="link" aria-expanded={named} onClick={() => setNamed(!named)}>
              {named ? "Hide who voted" : "Who voted for what?"}
            </button>
          )}
          {!closed && (message.author === me || moderates) && (
            <button type="button" className="link" onClick={() => void close()}>
              Close the poll …
            </button>
          )}
        </span>
      </div>
      {named && !closed && <Voters key={JSON.stringify(poll.options)} message={message} poll={poll} room={room} />}
      <p className="hidden-text" role="status">
        {mine.length > 0 && !closed ? `You voted for ${namesOf(mine)}.` : ""}
      </p>
    </fieldset>
  );
}

/** What is asked before a poll is closed. */
const closing = ({ text, mentions }: RoomMessage, { room, nameFor }: MessageActions) => ({
  title: "Close the poll?",
  body: (
    <>
      <blockquote dir="auto">
        <NamedLine text={text} calling={callingIn(room, mentions ?? unnamed, nameFor)} />
      </blockquote>
      <p>Nobody can vote any more. The counts stay. This cannot be undone.</p>
    </>
  ),
  action: "Close the poll",
});

/** The votes of each person, as they are now. */
function Voters({
  message,
  poll,
  room,
}: {
  readonly message: RoomMessage;
  readonly poll: Poll;
  readonly room: RoomStore;
}) {
  const nameFor = useNames();
  const [votes, setVotes] = useState<NonNullable<PollResults["votes"]>>([]);
  const { seq } = message;
  useEffect(() => {
    let gone = false;
    void room.pollResults(seq).then((result) => {
      if (result.ok && !gone) setVotes(result.value.votes ?? []);
    });
    return () => void (gone = true);
  }, [room, seq]);
  return (
    <dl className="poll-voters" aria-label="Who votes for what">
      {poll.options.map(({ text, votes: count }, choice) => {
        const who = votes.filter(({ choices }) => choices.includes(choice)).map(({ member }) => nameFor(member));
        const more = count - who.length;
        if (count === 0) return null;
        return (
          <div key={text}>
            <dt dir="auto">{text}</dt>
            <dd dir="auto">{listed([...who, ...(more > 0 && who.length > 0 ? [`${more} more`] : [])])}</dd>
          </div>
        );
      })}
    </dl>
  );
}
