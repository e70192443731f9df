import { Button } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { counted, describeBytes } from "../../../../../protocols/words/amounts.ts";
import { beyond, grantsOf, roleTable, type RoleTable } from "../../../../../protocols/authority/index.ts";
import type { ClusterRole, Failure, PersonView, Session } from "../../../../../protocols/index.ts";
import { notices, useSession } from "../../../live/index.ts";
import { call, ownPlace, Refused } from "../../../wire/index.ts";
import { Avatar } from "../../parts/avatar.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { useProfile } from "../../parts/lists.ts";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { NewKey, type WantedKey } from "../../settings/new-key.tsx";
import { Part } from "../../settings/part.tsx";
import { deviceName, keyStory, storyOf } from "../../settings/session-words.ts";
import { dateOf, momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { AdminPage } from "../frame.tsx";

import { useAct, usePerson, useRoles } from "./queries.ts";
import { May } from "./may.tsx";
import "../backup/backup.css";
import "./people.css";

const route = getRouteApi("/admin/$page/$item");

/** One account: what it may do, where it is signed in, and what is done with it. */
export function PersonPage() {
  const { item: user } = route.useParams();
  return (
    <AdminPage title={user} needs="people.see" refusal="Only people with permission to manage accounts see this page.">
      <Link to="/admin/$page" params={{ page: "people" }} className="link">
        All people
      </Link>
      <Person key={user} user={user} />
    </AdminPage>
  );
}

function Person({ user }: { readonly user: string }) {
  const person = usePerson(user);
  const roles = useRoles();
  const own = useProfile()?.roles ?? [];
  const { may } = useRights();
  const error = person.error ?? roles.error;
  if (error instanceof Refused && error.failure.code === "NOT_FOUND")
    return <Note tone="warn">There is no account with this name.</Note>;
  if (person.data === undefined || roles.data === undefined)
    return error === null ? <p className="dim">Loading …</p> : <Note tone="bad">{error.message}</Note>;
  const table = roleTable(roles.data.roles);
  const held = person.data.roles ?? [];
  const above = beyond(own, grantsOf(held, table), table);
  const view: Shown = {
    user,
    person: person.data,
    held,
    table,
    refusal: !may("people.manage")
      ? "You may look at people, but not change their accounts."
      : above === undefined
        ? undefined
        : `This person may do more than you (${above}), so you cannot act on the account.`,
  };
  return (
    <>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Head {...view} />
      <Roles {...view} own={own} all={roles.data.roles} above={above} />
      <Devices {...view} />
      <Access {...view} />
      <Part title="Permissions" about="Everything that the roles of this account allow.">
        <May roles={held} table={table} />
      </Part>
    </>
  );
}

interface Shown {
  readonly user: string;
  readonly person: PersonView;
  readonly held: readonly string[];
  readonly table: RoleTable;
  /** Why nothing can be done here; undefined: it can. */
  readonly refusal: string | undefined;
}

function Head({ user, person, refusal }: Shown) {
  const { may } = useRights();
  const { displayName = user, createdAtMs, suspended, factors, deletesAtMs, storedBytes } = person;
  const ways = [
    ...(factors?.password === true ? ["a password"] : []),
    ...(factors !== undefined && factors.passkeys > 0
      ? [factors.passkeys === 1 ? "a passkey" : `${factors.passkeys} passkeys`]
      : []),
    ...(factors?.totp === true ? ["one-time codes"] : []),
    ...(factors !== undefined && factors.identities.length > 0 ? ["another server"] : []),
  ];
  return (
    <Part title={displayName}>
      <div className="person-head">
        <Avatar principal={`user/${user}`} label={displayName} size={44} />
        <span className="grow">
          <span className="block">
            {user}
            {suspended === true && <span className="chip bad"> suspended</span>}
            {deletesAtMs !== undefined && <span className="chip bad"> waits to be deleted</span>}
          </span>
          <span className="dim">
            {createdAtMs !== undefined && `Account since ${dateOf(createdAtMs)}. `}
            {storedBytes !== undefined && `Keeps ${describeBytes(storedBytes)} in files. `}
            {ways.length > 0 ? `Signs in with ${ways.join(", ")}.` : "Nobody signs in: it has API keys only."}
          </span>
        </span>
        {may("audit.read") && (
          <Link to="/admin/$page" params={{ page: "audit" }} search={{ by: `user/${user}` }} className="link">
            What they did
          </Link>
        )}
      </div>
      {deletesAtMs !== undefined && (
        <Note tone="warn" title={`The account is deleted ${momentOf(deletesAtMs)}`}>
          Its agents and private data are deleted with it. What the person wrote in rooms stays, marked as from a
          deleted account. Until then an admin can cancel this below.
        </Note>
      )}
      {refusal !== undefined && <Note tone="plain">{refusal}</Note>}
    </Part>
  );
}

/** Which roles the person has. What cannot be given or taken is shown with why. */
function Roles(
  props: Shown & {
    readonly own: readonly string[];
    readonly all: readonly ClusterRole[];
    readonly above: string | undefined;
  },
) {
  const { user, held, table, own, all, above } = props;
  const { may } = useRights();
  const act = useAct();
  const { ask } = useDialogs();
  // With what was on show when somebody began to choose: the node refuses it where the person has others by then.
  const [choice, setChoice] = useState<{ readonly roles: ReadonlySet<string>; readonly seen: readonly string[] }>();
  const [fault, setFault] = useState<string>();
  const shown = choice?.roles ?? new Set(held);
  // A role that was removed is still the person's, by name.
  const gone = held
    .filter((role) => !table.has(role))
    .map((name): ClusterRole => ({ name, grants: [], note: "It was removed, and grants nothing" }));
  const reasonOf = ({ grants }: ClusterRole): string | undefined => {
    if (!may("roles.manage")) return "You may not give roles.";
    if (above !== undefined) return `This person has ${above}, which you do not have.`;
    const lacking = beyond(own, grants, table);
    return lacking === undefined ? undefined : `It grants ${lacking}, which you do not have.`;
  };
  const given = [...shown].filter((role) => !held.includes(role));
  const taken = held.filter((role) => !shown.has(role));
  const save = async () => {
    const roles = [...shown];
    const body = (
      <>
        {given.length > 0 && <p>Given: {given.join(", ")}.</p>}
        {taken.length > 0 && <p>Taken: {taken.join(", ")}.</p>}
        <p>It applies at once, also on devices that are signed in.</p>
        {roles.length === 0 && <p>Without any role, an account has those of a member.</p>}
      </>
    );
    if (!(await ask({ title: `Change the roles of ${user}?`, body, action: "Change", grave: taken.length > 0 })))
      return;
    const changedBy = ({ code, details }: Failure): boolean => {
      if (code !== "CHANGED_MEANWHILE") return false;
      const now = Array.isArray(details?.["now"]) ? details["now"].join(", ") : "others";
      setFault(
        `Somebody else has changed the roles of ${user} meanwhile: they are ${now} now, as shown here. Nothing ` +
          "was changed; look at them, then choose again.",
      );
      setChoice(undefined);
      return true;
    };
    const seen = choice?.seen ?? held;
    const done = await act(() => call("people.setRoles", { user, roles: [...roles], seen: [...seen] }), changedBy);
    if (done === undefined) return;
    setChoice(undefined);
    setFault(undefined);
    notices.show(`The roles of ${user} were changed.`);
  };
  return (
    <Part title="Roles">
      <fieldset className="options" aria-label="Roles">
        {[...all, ...gone].map((role) => {
          const reason = reasonOf(role);
          return (
            <label key={role.name} className="check">
              <input
                type="checkbox"
                checked={shown.has(role.name)}
                disabled={reason !== undefined}
                onChange={({ currentTarget: { checked } }) => {
                  setFault(undefined);
                  setChoice({
                    roles: new Set([...[...shown].filter((one) => one !== role.name), ...(checked ? [role.name] : [])]),
                    seen: choice?.seen ?? held,
                  });
                }}
              />
              <span>
                {role.name}{" "}
                <span className="dim">
                  {role.note}
                  {reason !== undefined && ` · ${reason}`}
                </span>
              </span>
            </label>
          );
        })}
      </fieldset>
      {fault !== undefined && <Note tone="bad">{fault}</Note>}
      {given.length + taken.length > 0 && (
        <div className="row">
          <Button onClick={() => void save()}>Change roles</Button>
          <Button variant="default" onClick={() => setChoice(undefined)}>
            Leave as it is
          </Button>
        </div>
      )}
    </Part>
  );
}

function Devices({ user, person: { sessions }, refusal }: Shown) {
  const act = useAct();
  const { ask } = useDialogs();
  const me = useSession();
  const devices = sessions.filter(({ kind }) => kind === "session");
  const keys = sessions.filter(({ kind }) => kind === "key");
  const end = async ({ id, kind, label }: Session) => {
    const name = kind === "key" ? label : deviceName(label);
    const body =
      kind === "key" ? (
        <p>Programs that use it are refused from now on. This cannot be undone.</p>
      ) : (
        <p>The device is signed out at once, with what is open there. The person can sign in again.</p>
      );
    if (await ask({ title: `End “${name}”?`, body, action: "End", grave: true }))
      await act(() => call("people.endSession", { user, id }));
  };
  const endAll = async () => {
    const body = (
      <p>
        {counted(devices.length, "device")} signed out and {counted(keys.length, "API key")} ended, at once. The person
        can sign in again; the keys stay revoked.
      </p>
    );
    if (await ask({ title: `End everything of ${user}?`, body, action: "End all", grave: true }))
      await act(() => call("people.endSessions", { user }));
  };
  const endShared = async () => {
    const body = <p>Read-only links to conversations with agents show nothing any more. This cannot be undone.</p>;
    if (!(await ask({ title: `End all shared links of ${user}?`, body, action: "End them", grave: true }))) return;
    const done = await act(() => call("people.endSharedLinks", { user }));
    if (done !== undefined) notices.show(`${counted(done.ended, "shared link")} ended.`);
  };
  const line = (session: Session) => (
    <li key={session.id}>
      <span className="grow">
        <span className="ellipsis line-title" title={session.label}>
          {session.kind === "key" ? session.label : deviceName(session.label)}
        </span>
        <span className="dim break">{session.kind === "key" ? keyStory(session) : storyOf(session)}</span>
      </span>
      {refusal === undefined && (
        <Button
          variant="default"
          size="xs"
          aria-label={`End ${session.kind === "key" ? `the key ${session.label}` : deviceName(session.label)}`}
          onClick={() => void end(session)}
        >
          End
        </Button>
      )}
    </li>
  );
  return (
    <Part title="Devices and keys">
      {user === me.name && (
        <Note tone="plain">
          This is you. The device you are on is among these:{" "}
          <Link to="/settings/$section" params={{ section: "devices" }} className="link">
            your settings
          </Link>{" "}
          say which.
        </Note>
      )}
      <h3>Devices</h3>
      {devices.length === 0 ? (
        <p className="dim flush">Signed in nowhere.</p>
      ) : (
        <ul className="lines">{devices.map(line)}</ul>
      )}
      <h3>API keys</h3>
      {keys.length === 0 ? <p className="dim flush">None.</p> : <ul className="lines">{keys.map(line)}</ul>}
      {refusal === undefined && sessions.length > 0 && (
        <Button variant="default" onClick={() => void endAll()}>
          End all
        </Button>
      )}
      {refusal === undefined && (
        <>
          <h3>Shared links</h3>
          <p className="dim flush">Read-only links to conversations with agents, which open without an account.</p>
          <Button variant="default" onClick={() => void endShared()}>
            End all shared links
          </Button>
        </>
      )}
    </Part>
  );
}

/** Into the account, and out of it: a link for a new password, keys of a program, suspension. */
function Access({ user, person, held, refusal }: Shown) {
  const act = useAct();
  const me = useSession();
  const { ask } = useDialogs();
  const [link, setLink] = useState<{ readonly url: string; readonly expiresAtMs: number }>();
  const [key, setKey] = useState<string>();
  const isProgram = held.includes("service") && person.factors?.password === false;
  const suspended = person.suspended === true;
  const waits = person.deletesAtMs !== undefined;
  const admits = useRights().may("people.admit");
  if (refusal !== undefined) return null;
  const makeLink = async () => {
    const body = (
      <p>
        The person who opens the link sets a new password, once. That ends all sessions and API keys of {user}. A second
        factor is still asked for.
      </p>
    );
    if (!(await ask({ title: `A link for a new password of ${user}?`, body, action: "Make the link" }))) return;
    const made = await act(() => call("people.makeReset", { user }));
    if (made !== undefined) setLink({ url: ownPlace() + made.path, expiresAtMs: made.expiresAtMs });
  };
  const makeKey = async (wanted: WantedKey, on: (refusal: Failure) => boolean): Promise<boolean> => {
    const made = await act(() => call("people.addKey", { user, ...wanted }), on);
    if (made !== undefined) setKey(made.key);
    return made !== undefined;
  };
  const suspend = async () => {
    const body = suspended ? (
      <p>The person can sign in again. API keys stay revoked.</p>
    ) : (
      <p>
        All devices are signed out and all API keys end, at once. Nobody can sign in until you restore the account. What
        the person wrote stays.
      </p>
    );
    const question = {
      title: suspended ? `Restore the account of ${user}?` : `Suspend the account of ${user}?`,
      body,
      action: suspended ? "Restore" : "Suspend",
      grave: !suspended,
    };
    if (!(await ask(question))) return;
    await act(() => call("people.suspend", { user, suspended: !suspended }));
  };
  const end = async () => {
    const body = (
      <>
        <p>
          All devices are signed out and all API keys end, at once. In two weeks the account, its agents and its private
          data are deleted. Until then you can cancel this.
        </p>
        <p>
          What the person wrote in rooms stays, marked as from a deleted account. Backups keep the data until their keys
          are destroyed: <Told text="`plexus backup erase`" />
        </p>
      </>
    );
    if (!(await ask({ title: `Delete the account of ${user}?`, body, action: "Delete", grave: true }))) return;
    const set = (deleted: boolean) => act(() => call("people.delete", { user, deleted }));
    const done = await set(true);
    if (done !== undefined)
      notices.done(`The account of ${user} will be deleted ${momentOf(done.atMs ?? 0)}.`, () => void set(false));
  };
  const callOff = async () => {
    const done = await act(() => call("people.delete", { user, deleted: false }));
    if (done !== undefined) notices.show(`The account of ${user} is not deleted.`);
  };
  return (
    <Part title="Access">
      {isProgram && admits && (
        <>
          <NewKey onMake={makeKey} />
          {key !== undefined && (
            <Note tone="good" title="The new key. Copy it now: it is not shown again" onClose={() => setKey(undefined)}>
              <Copyable text={key} label="Copy the key" />
            </Note>
          )}
        </>
      )}
      {!isProgram && !suspended && admits && (
        <div className="row">
          <Button variant="default" onClick={() => void makeLink()}>
            Make a link for a new password
          </Button>
        </div>
      )}
      {link !== undefined && (
        <Note tone="good" title="Copy the link now: it is not shown again" onClose={() => setLink(undefined)}>
          <p>Send it to the person by a way that only they read. It is valid until {momentOf(link.expiresAtMs)}.</p>
          <Copyable text={link.url} label="Copy the link" />
        </Note>
      )}
      {user === me.name ? (
        <p className="dim flush">You cannot suspend your own account.</p>
      ) : suspended && !admits ? (
        <p className="dim flush">You may not let people in, so you cannot restore the account.</p>
      ) : (
        <Button variant={suspended ? "filled" : "default"} onClick={() => void suspend()}>
          {suspended ? "Restore the account" : "Suspend the account"}
        </Button>
      )}
      {user !== me.name && (
        <div className="row">
          {waits && admits && <Button onClick={() => void callOff()}>Do not delete the account</Button>}
          {!waits && (
            <Button variant="default" onClick={() => void end()}>
              Delete the account …
            </Button>
          )}
        </div>
      )}
    </Part>
  );
}
