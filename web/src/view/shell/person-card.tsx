import { Button } from "@mantine/core";
import { useLocation, useNavigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { muteOf } from "../../../../protocols/kinds/room-muted.ts";
import { liveStatus, notices, useNow, useSession, useShown } from "../../live/index.ts";
import { isAgent, nameOf, type RoomModel } from "../../model/index.ts";
import { call } from "../../wire/index.ts";
import { useAbout, useIsDeleted } from "../parts/about.ts";
import { Face, hereText, usePresence } from "../parts/here.tsx";
import { Dialog } from "../parts/layers.tsx";
import { useAgents, useGroups, useNames } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { Told } from "../parts/told.tsx";
import type { Decision } from "../room/deciding.tsx";
import { liftMute, powerOver } from "../room/moderating.ts";
import { insert } from "../writing/insert.ts";
import "./person-card.css";

// Most people decide about nobody.
const Deciding = lazy(() => import("../room/deciding.tsx"));

const roleWords = { admin: "Admin", guest: "Guest" } as const;

/** The time of day in a time zone; undefined where this browser does not know the zone. */
function timeIn(timeZone: string, nowMs: number): string | undefined {
  try {
    return new Intl.DateTimeFormat(undefined, { timeZone, timeStyle: "short", dateStyle: undefined }).format(nowMs);
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** The field in which a message of the room that is shown is written. */
const composer = (): HTMLTextAreaElement | null => document.querySelector<HTMLTextAreaElement>("main textarea");

/** The card of the person that was clicked, if it is open, and what was begun there. */
export function PersonCards(props: { readonly person: string | undefined; readonly onClose: () => void }) {
  const { person, onClose } = props;
  const [decision, setDecision] = useState<Decision>();
  const decide = (begun: Decision) => {
    onClose();
    setDecision(begun);
  };
  return (
    <>
      {person !== undefined && <PersonCard key={person} principal={person} onClose={onClose} onDecide={decide} />}
      {decision && (
        <Suspense>
          <Deciding {...decision} onClose={() => setDecision(undefined)} />
        </Suspense>
      )}
    </>
  );
}

/** A person or an agent: what the cluster knows of them, and what can be done. */
function PersonCard({
  principal,
  onClose,
  onDecide,
}: {
  readonly principal: string;
  readonly onClose: () => void;
  readonly onDecide: (begun: Decision) => void;
}) {
  const session = useSession();
  const { room } = useParams({ strict: false });
  const nameFor = useNames();
  const name = nameFor(principal);
  const isOfAgent = isAgent(principal);
  const field = composer();
  // A deleted account is sent nothing, and called by nobody.
  const isDeleted = useIsDeleted(nameOf(principal), !isOfAgent) === true;
  const mention = () => {
    onClose();
    // The dialog gives the focus back to what opened it, first.
    requestAnimationFrame(() => field && insert(field, `@${nameOf(principal)} `));
  };
  return (
    <Dialog opened onClose={onClose} title={name}>
      <div className="person-card">
        <div className="row">
          <Face principal={principal} label={name} size={72} />
          <div className="grow">
            <p className="flush">
              <bdi className="break">@{nameOf(principal)}</bdi>
              {principal === session.me && <span className="dim"> (you)</span>}
            </p>
            {isOfAgent ? <p className="dim flush">Agent</p> : <HereText of={nameOf(principal)} />}
          </div>
        </div>
        {isOfAgent ? <AgentFacts principal={principal} /> : <PersonFacts user={nameOf(principal)} />}
        <div className="row wrap">
          {!isOfAgent && !isDeleted && principal !== session.me && <WriteTo principal={principal} onDone={onClose} />}
          {isOfAgent && <StartConversation principal={principal} onDone={onClose} />}
          {principal !== session.me && !isDeleted && field !== null && (
            <Button variant="default" onClick={mention}>
              Mention
            </Button>
          )}
          {principal === session.me && <EditOwn onDone={onClose} />}
        </div>
        {room !== undefined && <Moderation room={room} member={principal} onDecide={onDecide} />}
      </div>
    </Dialog>
  );
}

/** What this person may decide about a member of the room that is shown. */
function Moderation({
  room,
  member,
  onDecide,
}: {
  readonly room: string;
  readonly member: string;
  readonly onDecide: (begun: Decision) => void;
}) {
  const session = useSession();
  const nameFor = useNames();
  const store = useMemo(() => session.room(room), [session, room]);
  const view = useShown(store.store, (model: RoomModel) => model.view);
  const nowMs = useNow(60_000, view?.mutes !== undefined);
  if (view === undefined) return null;
  const { mutes, removes } = powerOver(view, session.me, member);
  if (!mutes && !removes) return null;
  const isMuted = muteOf(view.mutes, member, (one) => view.members[one]?.role, nowMs)?.member === member;
  const begin = (as: Decision["as"]) => () => onDecide({ store, member, as });
  return (
    <div className="row wrap" role="group" aria-label="Moderation">
      {mutes && !isAgent(member) && (
        <Button size="xs" variant="default" onClick={begin("warn")}>
          Warn …
        </Button>
      )}
      {mutes && (
        <Button size="xs" variant="default" onClick={begin("mute")}>
          {isMuted ? "Change the mute …" : "Mute …"}
        </Button>
      )}
      {mutes && isMuted && (
        <Button size="xs" variant="default" onClick={() => void liftMute(room, member, nameFor(member))}>
          Lift the mute
        </Button>
      )}
      {removes && (
        <Button size="xs" variant="default" className="grave" onClick={begin("remove")}>
          Remove from the room …
        </Button>
      )}
    </div>
  );
}

/** How a person is, and what they say of themselves, in words. */
function HereText({ of: user }: { readonly of: string }) {
  const presence = usePresence(user);
  const emoji = liveStatus(presence?.status, Date.now())?.emoji;
  return (
    <p className="dim flush break" dir="auto">
      {emoji} {hereText(presence)}
    </p>
  );
}

function PersonFacts({ user }: { readonly user: string }) {
  const { data, error } = useAbout(user);
  const groups = useGroups().data?.groups.filter(({ members }) => members.includes(user)) ?? [];
  if (error !== null)
    return (
      <Note tone="bad">
        <Told text={error.message} />
      </Note>
    );
  if (data === undefined) return null;
  const { title, pronouns, about, timeZone, role } = data;
  const time = timeZone === undefined ? undefined : timeIn(timeZone, Date.now());
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Title", title],
    ["Pronouns", pronouns],
    ["Role", role && roleWords[role]],
    ["Local time", time === undefined ? undefined : `${time} (${timeZone})`],
    ["Groups", groups.map(({ group }) => `@${group}`).join(", ") || undefined],
    ["About", about],
  ];
  return <Facts facts={facts} />;
}

function AgentFacts({ principal }: { readonly principal: string }) {
  const nameFor = useNames();
  const [owner = ""] = nameOf(principal).split(".");
  const own = useAgents().find(({ agent }) => `agent/${agent}` === principal);
  return (
    <Facts
      facts={[
        ["Owner", nameFor(`user/${owner}`)],
        ["Model", own?.model],
      ]}
    />
  );
}

/** Those of which there is something to say. */
function Facts({ facts }: { readonly facts: readonly (readonly [string, string | undefined])[] }) {
  const said = facts.filter(([, fact]) => fact !== undefined);
  return said.length === 0 ? null : (
    <dl>
      {said.map(([what, fact]) => (
        <div key={what}>
          <dt className="dim">{what}</dt>
          <dd dir="auto" className="break">
            {fact}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function WriteTo({ principal, onDone }: { readonly principal: string; readonly onDone: () => void }) {
  const navigate = useNavigate();
  const write = async () => {
    const result = await call("rooms.direct", { with: principal });
    if (!result.ok) return notices.fail(result.error);
    onDone();
    await navigate({ to: "/room/$room", params: { room: result.value.room } });
  };
  return (
    <Button data-autofocus onClick={() => void write()}>
      Direct message
    </Button>
  );
}

function StartConversation({ principal, onDone }: { readonly principal: string; readonly onDone: () => void }) {
  const session = useSession();
  const navigate = useNavigate();
  const agent = nameOf(principal);
  // Only its owner talks to an agent alone.
  if (!agent.startsWith(`${session.name}.`)) return null;
  return (
    <Button
      data-autofocus
      onClick={() => {
        onDone();
        void navigate({ to: "/agent/$agent", params: { agent } });
      }}
    >
      Start a conversation
    </Button>
  );
}

function EditOwn({ onDone }: { readonly onDone: () => void }) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  if (pathname.startsWith("/settings")) return null;
  return (
    <Button
      variant="default"
      onClick={() => {
        onDone();
        void navigate({ to: "/settings/$section", params: { section: "profile" } });
      }}
    >
      Edit your profile
    </Button>
  );
}
