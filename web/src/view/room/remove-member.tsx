import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import type { Failure, RoomView } from "../../../../protocols/index.ts";
import { notices, useSession, type RoomStore } from "../../live/index.ts";
import { agentsOf, isAgent, nameOf } from "../../model/index.ts";
import { Dialog } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { AgentsToo, Parting, TermField, useReason, type Term } from "./parting.tsx";

const hourMs = 3_600_000;

/** How long a ban can last, as the page offers it. */
const terms: readonly Term[] = [
  { value: "hour", label: "For 1 hour", forMs: hourMs },
  { value: "day", label: "For 1 day", forMs: 24 * hourMs },
  { value: "week", label: "For 1 week", forMs: 7 * 24 * hourMs },
  { value: "ever", label: "Until it is lifted" },
];

/** What of somebody's messages is deleted with a ban, as the page offers it. */
const erasable: readonly { readonly value: string; readonly label: string; readonly backMs?: number }[] = [
  { value: "nothing", label: "Stays" },
  { value: "hour", label: "Delete all of the last hour", backMs: hourMs },
  { value: "day", label: "Delete all of the last day", backMs: 24 * hourMs },
];

/** Deletes what somebody and their agents wrote in the last while, and says how much that was. */
async function erase(store: RoomStore, member: string, backMs: number): Promise<void> {
  const [{ deleteTogether }, { deletedWords, writtenSince }] = await Promise.all([
    import("../../live/deleting.ts"),
    import("../../model/written-since.ts"),
  ]);
  // The ban has the time of its node, by which messages have theirs. This device may have another one.
  const bans = await store.bans();
  const banned = bans.ok ? bans.value.bans.find((ban) => ban.member === member) : undefined;
  const sinceMs = (banned?.atMs ?? Date.now()) - backMs;
  const found = await writtenSince((query) => store.history(query), member, sinceMs);
  if (!found.ok) return notices.fail(found.error);
  const { deleted, kept, failure } = await deleteTogether(store.room, found.value.seqs);
  if (failure !== undefined) return notices.fail(failure);
  const more = found.value.isPart ? " There may be more, further back." : "";
  notices.show(`${deletedWords(deleted, kept)}${more}`);
}

/** Removes a member, and says how to undo it. */
function useRemoval(store: RoomStore, view: RoomView, title: string) {
  const nameFor = useNames();
  const session = useSession();
  return async (
    member: string,
    ban: { readonly forMs: number | undefined; readonly reason: string } | undefined,
    on: (refusal: Failure) => boolean,
  ) => {
    const terms = ban && {
      ban: true,
      ...(ban.forMs !== undefined && { banForMs: ban.forMs }),
      ...(ban.reason !== "" && { reason: ban.reason }),
    };
    const before = view.members[member]?.role;
    const owns = view.members[session.me]?.role === "owner";
    const result = await store.change("remove", { member, ...terms }, on);
    if (!result.ok) return false;
    const told = `${nameFor(member)} was removed from ${title}${ban === undefined ? "" : " and banned"}.`;
    // Only its owner can bring an agent back.
    if (isAgent(member) && !nameOf(member).startsWith(`${session.name}.`)) notices.show(told);
    else
      notices.done(told, () => {
        void (async () => {
          if (ban !== undefined && !(await store.change("unban", { member })).ok) return;
          const back = await store.change("invite", { member });
          if (back.ok && owns && before !== undefined && before !== "member")
            await store.change("setRole", { member, role: before });
        })();
      });
    return true;
  };
}

/** Asks how somebody is to be removed: with a ban, and for how long. */
export function RemoveMember({
  store,
  view,
  title,
  member,
  onClose,
}: {
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly title: string;
  /** Undefined while nobody is to be removed. */
  readonly member: string | undefined;
  readonly onClose: () => void;
}) {
  const nameFor = useNames();
  return (
    <Dialog
      opened={member !== undefined}
      onClose={onClose}
      title={member === undefined ? "" : `Remove ${nameFor(member)}?`}
    >
      {member !== undefined && <Choice store={store} view={view} title={title} member={member} onClose={onClose} />}
    </Dialog>
  );
}

function Choice(props: {
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly title: string;
  readonly member: string;
  readonly onClose: () => void;
}) {
  const { view, member } = props;
  const nameFor = useNames();
  const session = useSession();
  const remove = useRemoval(props.store, view, props.title);
  const [bans, setBans] = useState(false);
  const [term, setTerm] = useState("day");
  const [erases, setErases] = useState("nothing");
  const { reason, faults, field } = useReason();
  const agents = agentsOf(view, member);
  const name = nameFor(member);
  const owner = isAgent(member) ? nameOf(member).split(".")[0] : undefined;
  return (
    <Parting
      about={`${view.room}/${member}`}
      faults={faults}
      stay="Cancel"
      go={bans ? "Remove and ban" : "Remove"}
      onStay={props.onClose}
      onGo={async () => {
        const forMs = terms.find(({ value }) => value === term)?.forMs;
        // What they wrote goes after them: nothing comes behind it then.
        if (!(await remove(member, bans ? { forMs, reason } : undefined, faults.take))) return;
        const backMs = erasable.find(({ value }) => value === erases)?.backMs;
        if (bans && backMs !== undefined) await erase(props.store, member, backMs);
        props.onClose();
      }}
      follows={
        <>
          {owner !== undefined && (
            <li>
              {owner === session.name
                ? `${name} no longer answers here. You can add it again.`
                : `${name} no longer answers here. Only ${nameFor(`user/${owner}`)}, whose agent it is, can add ` +
                  "it again."}
            </li>
          )}
          {owner === undefined && (!bans || erases === "nothing") && <li>What {name} has written stays.</li>}
          <AgentsToo agents={agents.map(nameFor)} goes={["leaves too", "leave too"]} whose={`${name}'s`} />
          {owner === undefined && !bans && (
            <li>
              {view.visibility === "public"
                ? `The room is public: ${name} can join it again.`
                : `${name} can come back only if somebody invites them.`}
            </li>
          )}
        </>
      }
    >
      {owner === undefined && (
        <label className="check">
          <input type="checkbox" checked={bans} onChange={(event) => setBans(event.currentTarget.checked)} />
          {` Also ban: ${name} can neither join nor be invited`}
        </label>
      )}
      {bans && (
        <>
          <BanTerms {...{ term, setTerm, erases, setErases }} />
          {field(`${name} and everybody in the room`)}
        </>
      )}
    </Parting>
  );
}

/** For how long somebody is banned, and what of their messages goes. */
function BanTerms(props: {
  readonly term: string;
  readonly setTerm: (next: string) => void;
  readonly erases: string;
  readonly setErases: (next: string) => void;
}) {
  const { term, setTerm, erases, setErases } = props;
  return (
    <>
      <TermField terms={terms} term={term} onTerm={setTerm} />
      <NativeSelect
        label="What they wrote here"
        value={erases}
        onChange={(event) => setErases(event.currentTarget.value)}
        data={erasable.map(({ value, label }) => ({ value, label }))}
      />
    </>
  );
}
