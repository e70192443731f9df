import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { getRouteApi, Link, useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { counted } from "../../../../../protocols/words/amounts.ts";
import type { RegistrationRule, SignUpInvitation } from "../../../../../protocols/index.ts";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { call } from "../../../wire/index.ts";
import { Avatar } from "../../parts/avatar.tsx";
import { Copyable } from "../../parts/copyable.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Icon } from "../../parts/icons.tsx";
import { nameRule, shownNameRule, useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { OnlyHere, placeForOthers, useSetup } from "../../shell/newcomers.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { Choice } from "../backup/choice.tsx";
import { AdminPage } from "../frame.tsx";
import { Pager, useTrail } from "../pages.tsx";
import { useAct, useInvitations, usePeopleList, type Listed, type Show } from "./queries.ts";
import "../backup/backup.css";
import "./people.css";

const route = getRouteApi("/admin/$page");

/** Whom the list shows; part of the address, so that back from a person leads to the same list. */
interface PeopleSearch {
  readonly text?: string;
  readonly show?: string;
}

/** Everybody with an account, invitations to make one, and accounts of programs. */
export function PeoplePage() {
  const { may } = useRights();
  return (
    <AdminPage
      title="People"
      needs="people.see"
      refusal="Only people with permission to manage accounts see this page."
    >
      <List />
      <Invitations />
      {may("people.admit") && <NewProgram />}
    </AdminPage>
  );
}

const nothing: Readonly<Record<Show, string>> = {
  all: "Nobody has a name like this.",
  roles: "Everybody has the role member only.",
  programs: "No program has an account.",
};

function List() {
  const shown: PeopleSearch = route.useSearch();
  const { text: wanted = "" } = shown;
  const show: Show = shown.show === "roles" || shown.show === "programs" ? shown.show : "all";
  const navigate = useNavigate();
  const router = useRouter();
  const [text, setText] = useState(wanted);
  const trail = useTrail(`${show} ${wanted}`);
  useEffect(() => {
    if (text === wanted) return undefined;
    const search: PeopleSearch = { ...(text !== "" && { text }), ...(show !== "all" && { show }) };
    // Not with every letter: each is a question to the node. And not any more once somebody is on the way to another
    // page.
    const timer = setTimeout(() => {
      if (router.latestLocation.pathname === "/admin/people")
        void navigate({ to: "/admin/$page", params: { page: "people" }, search, replace: true });
    }, 250);
    return () => clearTimeout(timer);
  }, [text, wanted, show, navigate, router]);
  const { data, error, isPlaceholderData } = usePeopleList(show, wanted, trail.from);
  return (
    <Part title="Accounts">
      <div className="row field-row">
        <TextInput
          className="grow"
          label="Search"
          placeholder="Name"
          value={text}
          disabled={show !== "all"}
          maxLength={100}
          leftSection={<Icon name="search" size={16} />}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label="Whom to show"
          value={show}
          onChange={(value) => {
            setText("");
            const search: PeopleSearch = value === "all" ? {} : { show: value as "roles" | "programs" };
            void navigate({ to: "/admin/$page", params: { page: "people" }, search, replace: true });
          }}
          data={[
            { value: "all", label: "Everybody" },
            { value: "roles", label: "With roles" },
            { value: "programs", label: "Programs" },
          ]}
        />
      </div>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <ul className="lines people" aria-busy={data === undefined || isPlaceholderData}>
        {data?.people.map((one) => (
          <PersonLine key={one.user} person={one} />
        ))}
        {data?.people.length === 0 && (
          <li className="dim">{data.next === undefined ? nothing[show] : "None here; look at the next page."}</li>
        )}
        {data === undefined && error === null && <li className="dim">Loading …</li>}
      </ul>
      <Pager trail={trail} next={data?.next} waits={isPlaceholderData} back="Previous" on="Next" />
    </Part>
  );
}

function PersonLine({ person: { user, title, roles } }: { readonly person: Listed }) {
  return (
    <li>
      <Link to="/admin/$page/$item" params={{ page: "people", item: user }} className="person-link">
        <Avatar principal={`user/${user}`} label={title ?? user} size={32} />
        <span className="grow">
          <span className="ellipsis line-title" dir="auto">
            {title ?? user}
          </span>
          <span className="dim ellipsis block">{user}</span>
        </span>
        <span className="chips">
          {roles.map((role) => (
            <span key={role} className="chip">
              {role}
            </span>
          ))}
        </span>
      </Link>
    </li>
  );
}

const dayMs = 24 * 3_600_000;
const lives = [
  { value: String(dayMs), label: "1 day" },
  { value: String(7 * dayMs), label: "7 days" },
  { value: String(30 * dayMs), label: "30 days" },
  { value: String(365 * dayMs), label: "1 year" },
];

function Invitations() {
  const { may } = useRights();
  const { data, error } = useInvitations();
  const act = useAct();
  const setup = useSetup();
  const rule = setup?.signUp;
  const faults = useFaults({ uses: "A whole number, from 1 to 10,000.", note: "This note is too long." });
  const { ask } = useDialogs();
  const [uses, setUses] = useState("1");
  const [lifeMs, setLifeMs] = useState(String(7 * dayMs));
  const [note, setNote] = useState("");
  const [made, setMade] = useState<{ readonly url: string } & SignUpInvitation>();
  const make = async () => {
    const body = { uses: Number(uses), expiresInMs: Number(lifeMs), ...(note.trim() !== "" && { note: note.trim() }) };
    const invitation = await act(() => call("signUpInvitations.make", body), faults.take);
    if (invitation === undefined) return;
    setMade({ ...invitation, url: placeForOthers(setup) + invitation.path });
    setNote("");
  };
  const end = async ({ id, note: of, uses: left }: SignUpInvitation) => {
    const body = <p>Nobody can make an account with it any more. {left} could still. Accounts that were made stay.</p>;
    if (!(await ask({ title: `End the invitation${of === "" ? "" : ` “${of}”`}?`, body, action: "End", grave: true })))
      return;
    await act(() => call("signUpInvitations.end", { id }));
  };
  if (error !== null && data === undefined) return null;
  return (
    <Part
      title="Invitations"
      about={
        "A link with which people make an account. You choose for how many accounts and how long it works, and " +
        "you can end it here."
      }
    >
      {rule !== undefined && <SignUpRule rule={rule} />}
      {may("people.admit") && rule !== "closed" && (
        <Form id="invite-people" faults={faults} className="row field-row" onSubmit={make}>
          <TextInput
            className="grow"
            label="For whom"
            placeholder="New colleagues"
            error={faults.of("note")}
            value={note}
            maxLength={wireLimits.labelCharsMax}
            onChange={(event) => setNote(event.currentTarget.value)}
          />
          <TextInput
            className="short"
            label="Accounts"
            inputMode="numeric"
            maxLength={5}
            error={faults.of("uses")}
            value={uses}
            onChange={(event) => setUses(event.currentTarget.value)}
            required
          />
          <Choice label="Valid for" data={lives} value={lifeMs} onChange={setLifeMs} />
          <Button type="submit">Make a link</Button>
        </Form>
      )}
      {made !== undefined && (
        <Note tone="good" title="Copy the link now: it is not shown again" onClose={() => setMade(undefined)}>
          <p>
            Send it to {made.note === "" ? "the people it is for" : made.note}, by a way that only they read: anybody
            who opens it can make an account. It is valid for {counted(made.uses, "account")}, until{" "}
            {momentOf(made.expiresAtMs)}. In a terminal: <Told text="`plexus chat --invitation LINK`" />
          </p>
          <Copyable text={made.url} label="Copy the invitation" />
          <OnlyHere address={made.url} />
        </Note>
      )}
      <ul className="lines">
        {data?.invitations.map((invitation) => (
          <li key={invitation.id}>
            <span className="grow">
              <span className="ellipsis line-title">{invitation.note === "" ? "Without a note" : invitation.note}</span>
              <span className="dim break">
                {invitation.uses === 1 ? "1 account" : `${invitation.uses} accounts`} left · until{" "}
                {momentOf(invitation.expiresAtMs)} · by {invitation.by}
              </span>
            </span>
            {may("people.manage") && (
              <Button
                variant="default"
                size="xs"
                aria-label={`End the invitation ${invitation.note}`}
                onClick={() => void end(invitation)}
              >
                End
              </Button>
            )}
          </li>
        ))}
      </ul>
      {data?.invitations.length === 0 && <p className="dim">No invitation is valid now.</p>}
    </Part>
  );
}

/** What an invitation lets people do, as sign-up is now. */
const ruleTexts: Readonly<Record<RegistrationRule, string>> = {
  open:
    "Sign-up is open: everybody who reaches this page can create an account, also without an invitation. To let " +
    "in only people whom you invite, set signUp to invitation.",
  domain: "Sign-up is for people with a mail address of your domains, and for those whom you invite.",
  invitation: "Sign-up is by invitation: nobody makes an account without one.",
  closed:
    "Sign-up is closed: nobody can create an account, not even with an invitation. To let in people whom you " +
    "invite, set signUp to invitation.",
};

function SignUpRule({ rule }: { readonly rule: RegistrationRule }) {
  return (
    <p className="dim">
      {ruleTexts[rule]}{" "}
      <Link to="/admin/$page" params={{ page: "configuration" }} className="link">
        Change it in the configuration
      </Link>
    </p>
  );
}

function NewProgram() {
  const act = useAct();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [title, setTitle] = useState("");
  const faults = useFaults({
    name: nameRule,
    displayName: shownNameRule,
  });
  const make = async () => {
    const body = { name: name.trim(), ...(title.trim() !== "" && { displayName: title.trim() }) };
    const made = await act(() => call("people.addProgram", body), faults.take);
    if (made !== undefined) await navigate({ to: "/admin/$page/$item", params: { page: "people", item: made.user } });
  };
  return (
    <Part
      title="An account for a program"
      about={
        "An account for programs: it has the role service and no password, so nobody can sign in with it. Make " +
        "its API keys on its page."
      }
    >
      <Form id="program" faults={faults} className="row field-row" onSubmit={make}>
        <TextInput
          className="grow"
          label="Name"
          placeholder="night-job"
          description={nameRule}
          error={faults.of("name")}
          maxLength={wireLimits.nameCharsMax}
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          required
        />
        <TextInput
          className="grow"
          label="Shown as"
          placeholder="Night job"
          error={faults.of("displayName")}
          autoComplete="off"
          maxLength={wireLimits.titleCharsMax}
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <Button type="submit">Make the account</Button>
      </Form>
    </Part>
  );
}
