import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { counted } from "../../../../../protocols/words/amounts.ts";
import { kinds, roles } from "../../../../../protocols/ids.ts";
import type { ActorDetail, DeadLetter } from "../../../../../protocols/index.ts";
import { notices } from "../../../live/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { bytes } from "../bytes.ts";
import { useSummary } from "../nodes/queries.ts";
import { Table, type Column } from "../table.tsx";
import { changes, useAct, useActor } from "./queries.ts";
import { useChoiceOfNode } from "./move.tsx";

/** One actor: where it is and how, its dead letters, and what can be done. */
export function ActorPart({ actor }: { readonly actor: string }) {
  const { data, error } = useActor(actor);
  return (
    <>
      <Link to="/admin/$page" params={{ page: "actors" }} search={{}} className="link">
        All actors
      </Link>
      {data === undefined && error === null && <p className="dim">Loading …</p>}
      {error !== null && (
        <Note tone="bad">
          {isNamed(actor) ? error.message : "The name of an actor is KIND/NAME, such as room/general."}
        </Note>
      )}
      {data !== undefined && <Detail detail={data} />}
    </>
  );
}

const isNamed = (actor: string): boolean => (kinds as readonly string[]).includes(actor.split("/")[0] ?? "");

const letterColumns: readonly Column<DeadLetter>[] = [
  { head: "Message", cell: ({ type }) => type },
  { head: "From", cell: ({ from }) => from },
  { head: "When", wide: true, cell: ({ atMs }) => momentOf(atMs) },
  { head: "Why", cell: ({ reason }) => <span className="break">{reason}</span> },
];

function Detail({ detail }: { readonly detail: ActorDetail }) {
  const { actor, status, node, slot, epoch, entries, stateBytes, mailbox, restarts, lastError, lastActiveAtMs } =
    detail;
  const { may } = useRights();
  const facts: readonly (readonly [string, string | undefined])[] = [
    [
      "State",
      {
        active: "in memory",
        idle: "at rest, read from the disk when somebody writes to it",
        quarantined: "in quarantine: takes no messages",
      }[status],
    ],
    ["Node", node],
    ["Slot", `${slot}, epoch ${epoch}`],
    ["Journal", `${counted(entries, "entry", "entries")} since its snapshot, ${bytes(stateBytes)} of state`],
    ["Mailbox", `${counted(mailbox, "message")} waiting, ${counted(restarts, "restart")}`],
    ["Last active", lastActiveAtMs === undefined ? undefined : momentOf(lastActiveAtMs)],
    ["Last error", lastError],
  ];
  return (
    <>
      <Part title={actor}>
        {status === "quarantined" && (
          <Note tone="bad" title="It takes no messages">
            It failed several times, so the node stopped it. Messages that others send to it are kept below. Read the
            last error, mend its cause, then release it.
          </Note>
        )}
        <dl className="card">
          {facts.map(
            ([name, value]) =>
              value !== undefined && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
        {may("cluster.administer") && <Acts detail={detail} />}
      </Part>
      <Part title="Dead letters" about="Messages that this actor could not process. Only the newest are kept.">
        <Table
          label="Dead letters"
          columns={letterColumns}
          rows={detail.deadLetters}
          keyOf={({ id }) => String(id)}
          nothing="There are none."
        />
      </Part>
      {detail.reminders.length > 0 && (
        <Part title="Reminders" about="The times at which this actor asked to be woken.">
          <ul className="lines">
            {detail.reminders.map(({ id, dueMs }) => (
              <li key={id}>
                <span className="grow ellipsis">{id}</span>
                <span className="dim">{momentOf(dueMs)}</span>
              </li>
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}

function Acts({ detail: { actor, status, node, slot, deadLetters } }: { readonly detail: ActorDetail }) {
  const act = useAct();
  const { ask } = useDialogs();
  const { data: summary } = useSummary();
  const choose = useChoiceOfNode(summary);
  const ill = status === "quarantined";
  const letters = deadLetters.length;
  const release = async (redeliver: boolean) => {
    const question = redeliver
      ? {
          title: `${ill ? "Release" : "Deliver again to"} ${actor}?`,
          body: (
            <p>
              {ill && "It takes messages again. "}
              {letters === 0
                ? "It has no dead letters."
                : `It has ${counted(letters, "dead letter")}: those whose senders got no answer are delivered ` +
                  "again, the oldest first; the others are deleted."}
            </p>
          ),
          action: ill ? "Release" : "Deliver again",
        }
      : {
          title: `${ill ? "Release" : "Tidy up"} ${actor}, and delete its dead letters?`,
          body: (
            <p>
              {ill && "It takes messages again. "}
              {counted(letters, "dead letter")} {letters === 1 ? "is" : "are"} deleted. This cannot be undone.
            </p>
          ),
          action: "Delete",
          grave: true,
        };
    if (!(await ask(question))) return;
    const released = await act(() => changes.release(actor, redeliver));
    if (released !== undefined)
      notices.show(
        `${actor} takes messages; ${counted(released.redelivered, "dead letter was", "dead letters were")} ` +
          "delivered again.",
      );
  };
  const move = async () => {
    const [kind = ""] = slot.split("/");
    const role = (roles as readonly string[]).includes(kind) ? kind : undefined;
    const to = await choose({ name: actor, owner: node, role, inSync: [] });
    if (to === undefined) return;
    const moved = await act(() => changes.moveActor(actor, to));
    if (moved !== undefined)
      notices.show(
        `${actor} is on ${summary?.nodes.find((one) => one.node === moved.owner)?.name ?? moved.owner} now.`,
      );
  };
  const letGo = async () => {
    if ((await act(() => changes.letGoOfActor(actor))) !== undefined)
      notices.show(`${actor} is placed by the cluster again.`);
  };
  return (
    <div className="row wrap">
      {(ill || letters > 0) && (
        <Button onClick={() => void release(true)}>
          {ill ? (letters > 0 ? "Release, and deliver again" : "Release") : "Deliver again"}
        </Button>
      )}
      {letters > 0 && (
        <Button variant="default" onClick={() => void release(false)}>
          {ill ? "Release, and delete" : "Delete the letters"}
        </Button>
      )}
      <Button variant="default" onClick={() => void move()}>
        Move
      </Button>
      {slot === actor && (
        <Button variant="default" onClick={() => void letGo()}>
          Unpin
        </Button>
      )}
    </div>
  );
}
