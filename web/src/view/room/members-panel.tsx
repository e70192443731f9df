import { Menu, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import type { Failure, MemberRole, RoomView } from "../../../../protocols/index.ts";
import { namesFound } from "../../../../protocols/text/names.ts";
import { muteOf, type RoomMute } from "../../../../protocols/kinds/room-muted.ts";
import { notices, useNow, useSession, type RoomStore } from "../../live/index.ts";
import { momentOf } from "../parts/time.ts";
import { agentLabel, isAgent, nameOf } from "../../model/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Face, StatusMark } from "../parts/here.tsx";
import { Icon } from "../parts/icons.tsx";
import { useDialogs, type Question } from "../shell/dialogs.tsx";
import { Actions } from "../parts/layers.tsx";
import { useAgents, useCatalog, useNames } from "../parts/lists.ts";
import { Newcomers } from "../shell/newcomers.tsx";
import { Panel } from "./panel.tsx";
import { mayEnter, staysWithPeople } from "./staying.ts";
import { liftMute, powerOver, rank } from "./moderating.ts";
import MuteMember from "./mute-member.tsx";
import { RemoveMember } from "./remove-member.tsx";
import { useWarnings, WarningsOf } from "./warnings.tsx";

const roleText: Readonly<Record<MemberRole, string>> = { owner: "Owner", moderator: "Moderator", member: "Member" };

/** Takes the refusal that somebody else has changed a member's role. */
const roleChanged =
  (name: string) =>
  ({ code, details }: Failure): boolean => {
    const now = roleText[details?.["now"] as MemberRole];
    if (code !== "CHANGED_MEANWHILE" || now === undefined) return false;
    const says = `Somebody else has changed the role of ${name} in the meantime: ${now.toLowerCase()}.`;
    notices.show(`${says} Nothing was changed.`, "bad");
    return true;
  };

/** The people in the room, what they may do, and people who could be invited. */
export default function MembersPanel({
  store,
  view,
  title,
  onClose,
}: {
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly title: string;
  readonly onClose: () => void;
}) {
  const session = useSession();
  const nameFor = useNames();
  const own = view.members[session.me]?.role ?? "member";
  const direct = view.visibility === "direct";
  const { ask } = useDialogs();
  const [removing, setRemoving] = useState<string>();
  const [deciding, setDeciding] = useState<{ readonly as: "mute" | "warn" | "warnings"; readonly member: string }>();
  const warnings = useWarnings(store, !direct && own !== "member", 0).data;
  const nowMs = useNow(60_000, view.mutes !== undefined);
  const setRole = async (member: string, role: MemberRole) => {
    const name = nameFor(member);
    const before = view.members[member]?.role ?? "member";
    const isSelf = member === session.me;
    if (isSelf && !(await ask(steppingDown(role)))) return;
    if (role === "owner" && !(await ask(promoting(name)))) return;
    const article = role === "owner" ? "an" : "a";
    const result = await store.change("setRole", { member, role, seen: before }, roleChanged(name));
    if (!result.ok) return;
    if (isSelf) return notices.show(`You are ${article} ${roleText[role].toLowerCase()} now.`);
    notices.done(`${name} is ${article} ${roleText[role].toLowerCase()} now.`, () => {
      void store.change("setRole", { member, role: before, seen: role });
    });
  };
  const owners = Object.values(view.members).filter(({ role }) => role === "owner").length;
  const members = Object.entries(view.members).toSorted(
    ([a, left], [b, right]) => rank[left.role] - rank[right.role] || nameFor(a).localeCompare(nameFor(b)),
  );
  return (
    <Panel title="Members" onClose={onClose}>
      <div className="panel-body" tabIndex={0} role="region" aria-label={`Members of ${title}`}>
        {!direct && <Invite store={store} view={view} moderates={own !== "member"} />}
        <ul className="members">
          {members.map(([principal, member]) => {
            const isSelf = principal === session.me;
            const { mutes, removes } = powerOver(view, session.me, principal);
            const mute = muteOf(view.mutes, principal, (one) => view.members[one]?.role, nowMs);
            const warned = warnings?.filter((one) => one.member === principal).length ?? 0;
            // An owner can step down once there is another one.
            const isChanged = removes || (isSelf && own === "owner" && owners > 1);
            return (
              <li key={principal} className="member">
                <Face principal={principal} label={nameFor(principal)} size={32} />
                <span className="grow">
                  <button
                    type="button"
                    className="author ellipsis"
                    dir="auto"
                    style={{ display: "block", maxWidth: "100%", lineHeight: 1.3 }}
                    data-person={principal}
                  >
                    {nameFor(principal)}
                    {principal === session.me && <span className="dim"> (you)</span>}
                  </button>
                  <span className="dim" style={{ fontSize: 13 }}>
                    @{nameOf(principal)} <StatusMark of={principal} />
                  </span>
                  {mute !== undefined && <MuteTerms mute={mute} by={nameFor(mute.by)} />}
                  {warned > 0 && !isSelf && (
                    <button
                      type="button"
                      className="link"
                      onClick={() => setDeciding({ as: "warnings", member: principal })}
                    >
                      Warned {warned === 1 ? "once" : `${warned} times`}
                    </button>
                  )}
                </span>
                <span className="dim" style={{ fontSize: 13 }}>
                  {isAgent(principal) ? "Agent" : member.role === "member" ? "" : roleText[member.role]}
                </span>
                {!direct && isChanged && (
                  <Actions
                    button={
                      <button type="button" className="tool" aria-label={`Change ${nameFor(principal)}`}>
                        <Icon name="more" />
                      </button>
                    }
                  >
                    {own === "owner" &&
                      !isAgent(principal) &&
                      (["owner", "moderator", "member"] as const)
                        .filter((role) => role !== member.role)
                        .map((role) => (
                          <Menu.Item key={role} onClick={() => void setRole(principal, role)}>
                            {isSelf ? "Become" : "Make"} {roleText[role].toLowerCase()}
                            {isSelf || role === "owner" ? " …" : ""}
                          </Menu.Item>
                        ))}
                    {mutes && (
                      <Moderating
                        isMuted={mute?.member === principal}
                        isPerson={!isAgent(principal)}
                        onMute={() => setDeciding({ as: "mute", member: principal })}
                        onLift={() => void liftMute(store.room, principal, nameFor(principal))}
                        onWarn={() => setDeciding({ as: "warn", member: principal })}
                      />
                    )}
                    {removes && (
                      <Menu.Item className="grave" onClick={() => setRemoving(principal)}>
                        Remove from the room …
                      </Menu.Item>
                    )}
                  </Actions>
                )}
              </li>
            );
          })}
        </ul>
      </div>
      <RemoveMember store={store} view={view} title={title} member={removing} onClose={() => setRemoving(undefined)} />
      {deciding?.as === "warnings" && (
        <WarningsOf opened warnings={warnings} member={deciding.member} onClose={() => setDeciding(undefined)} />
      )}
      {(deciding?.as === "mute" || deciding?.as === "warn") && (
        <MuteMember view={view} member={deciding.member} as={deciding.as} onClose={() => setDeciding(undefined)} />
      )}
    </Panel>
  );
}

/** How long a member is muted, by whom and why. */
function MuteTerms({ mute, by }: { readonly mute: RoomMute; readonly by: string }) {
  return (
    <span className="dim ban-terms">
      {mute.untilMs === undefined ? "Muted" : `Muted until ${momentOf(mute.untilMs)}`} by {by}
      {mute.reason === undefined ? "" : `: ${mute.reason}`}
    </span>
  );
}

/** What moderators decide about members below them. */
function Moderating(props: {
  readonly isMuted: boolean;
  readonly isPerson: boolean;
  readonly onMute: () => void;
  readonly onLift: () => void;
  readonly onWarn: () => void;
}) {
  return (
    <>
      {props.isPerson && <Menu.Item onClick={props.onWarn}>Warn …</Menu.Item>}
      <Menu.Item onClick={props.onMute}>{props.isMuted ? "Change the mute …" : "Mute …"}</Menu.Item>
      {props.isMuted && <Menu.Item onClick={props.onLift}>Lift the mute</Menu.Item>}
    </>
  );
}

const promoting = (name: string): Question => ({
  title: `Make ${name} an owner?`,
  body: <p>{name} can then change the room, remove anybody from it, and take your own ownership away.</p>,
  action: "Make owner",
});

const steppingDown = (role: MemberRole): Question => ({
  title: "Give up your ownership?",
  body: <p>You are a {roleText[role].toLowerCase()} then. Only another owner can make you an owner again.</p>,
  action: "Give up",
});

const invitesShown = 8;

function Invite({
  store,
  view,
  moderates,
}: {
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly moderates: boolean;
}) {
  const session = useSession();
  const nameFor = useNames();
  const [text, setText] = useState("");
  const [wanted] = useDebouncedValue(text.trim(), 150);
  const people = useCatalog("people", wanted).data?.rows ?? [];
  const agents = useAgents();
  // What was a conversation stays with its people: those who have left can be brought back.
  const isClosed = staysWithPeople(view);
  const hasLeft = view.people?.some((person) => view.members[person] === undefined) === true;
  const bringsPeople = moderates && (!isClosed || hasLeft);
  const everybody = [
    ...agents.map((agent) => ({
      principal: `agent/${agent.agent}`,
      label: agentLabel(agent.agent, session.name),
      hint: "your agent",
    })),
    ...(bringsPeople ? people : []).map((person) => ({
      principal: `user/${person.key}`,
      label: person.title,
      hint: `@${person.key}`,
    })),
  ].filter(({ principal }) => view.members[principal] === undefined && mayEnter(view, principal));
  const found = namesFound(everybody, wanted, ({ label, principal }) => [label, nameOf(principal)]).slice(
    0,
    invitesShown,
  );
  // Nobody else has an account, as far as the list tells.
  const isAlone = wanted === "" && people.every(({ key }) => `user/${key}` === session.me);
  // A person who does not moderate brings in only their own agents.
  if (!bringsPeople && agents.length === 0) return null;
  const label = bringsPeople ? "Add a person or your agent" : "Add your agent";
  const nobody = isClosed
    ? "Nobody with a name like this can be added: the room stays with the people of its conversation."
    : "Nobody here has a name like this.";
  const invite = async (principal: string) => {
    const result = await store.invite(principal);
    if (result.ok) return setText("");
    if (result.error.code !== "BANNED") return notices.fail(result.error);
    notices.show(
      `${nameFor(principal)} is banned from this room.`,
      "bad",
      moderates ? { label: "Lift the ban and add", run: () => void store.letIn(principal) } : undefined,
    );
  };
  return (
    <div className="invite">
      <TextInput
        placeholder={label}
        aria-label={label}
        leftSection={<Icon name="plus" size={16} />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          const only = found.length === 1 && wanted === text.trim() && wanted !== "" ? found[0] : undefined;
          if (event.key === "Enter" && only !== undefined) void invite(only.principal);
        }}
      />
      {(text !== "" || found.some((entry) => isAgent(entry.principal))) && (
        <div className="picks">
          {found
            .filter((entry) => text !== "" || isAgent(entry.principal))
            .map((entry) => (
              <button key={entry.principal} type="button" className="pick" onClick={() => void invite(entry.principal)}>
                <Avatar principal={entry.principal} label={entry.label} size={26} />
                <span className="grow ellipsis" dir="auto">
                  {entry.label}
                </span>
                <span className="dim">{entry.hint}</span>
                <span className="add">Add</span>
              </button>
            ))}
          {text !== "" && found.length === 0 && <p className="dim">{nobody}</p>}
        </div>
      )}
      {moderates && !isClosed && (isAlone || (text !== "" && found.length === 0)) && (
        <Newcomers path={view.visibility === "public" ? `/room/${encodeURIComponent(store.room)}` : "/"} />
      )}
    </div>
  );
}
