import { Button, NativeSelect, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Failure, NotificationLevel, NotificationRules } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices, useSession } from "../../live/index.ts";
import { canNotify, showNotice } from "../../live/machine-notices.ts";
import { at } from "../../wire/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useNotificationRules, useProfile, useRooms, useRoomTitle } from "../parts/lists.ts";
import { useMeanwhile } from "../parts/meanwhile.tsx";
import { Note } from "../parts/note.tsx";
import { describeRoomRule, levelOptions } from "../parts/notifying-words.ts";
import { iconUrl, useBrand } from "../shell/brand.ts";
import { useNoticesHere } from "../shell/notifying.ts";
import { clockOf, minuteOf } from "./clock.ts";
import { Digest } from "./digest.tsx";
import { Part } from "./part.tsx";
import { PushDevices } from "./push.tsx";

/** What the person is told of, and where. */
export function Notifications() {
  const profile = useProfile();
  if (profile === undefined) return null;
  return (
    <>
      <Here />
      <PushDevices />
      <Digest />
      <Part
        title="What you are told of"
        about="It holds on every device, and in the terminal. What does not concern you is counted, and nothing more."
      >
        <RulesForm />
      </Part>
      <OwnRooms />
    </>
  );
}

/** Notices of the machine that this browser runs on. */
function Here() {
  const [isOn, setOn] = useNoticesHere();
  const [permission, setPermission] = useState(() => (canNotify() ? Notification.permission : undefined));
  const icon = iconUrl(useBrand());
  const turnOn = async () => {
    const said = await Notification.requestPermission();
    if (said !== "granted") return setPermission(said);
    const first = { title: "You are told here", body: "This is how a notice looks.", tag: "plexus/first" };
    const isShown = await showNotice({ ...first, icon, url: at("/settings/notifications") });
    setPermission(isShown ? said : undefined);
    if (isShown) setOn(true);
  };
  const shows = isOn && permission === "granted";
  return (
    <Part title="On this device" about="Notices of this machine, shown while no tab of this page is in sight.">
      {permission === undefined ? (
        <Note tone="plain">
          This browser shows no notices of this page. It may do so where the page is opened by https, or on the machine
          of the node.
        </Note>
      ) : permission === "denied" ? (
        <Note tone="plain">
          This browser was told to show no notices of this page. Allow them in its settings of this site.
        </Note>
      ) : (
        <div className="row wrap">
          <span role="status">{shows ? "This browser shows notices." : "This browser shows no notices."}</span>
          {shows ? (
            <Button variant="default" onClick={() => setOn(undefined)}>
              Turn off
            </Button>
          ) : (
            <Button onClick={() => void turnOn()}>Turn on</Button>
          )}
        </div>
      )}
    </Part>
  );
}

const dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/** As most calendars have it. */
const week = [1, 2, 3, 4, 5, 6, 0];

const wordsOf = (typed: string): readonly string[] => [
  ...new Set(
    typed
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
  ),
];
const typedOf = (keywords: readonly string[]): string => keywords.join(", ");

const faultTexts = {
  keywords:
    `At most ${wireLimits.keywordsMax} words of ${wireLimits.keywordCharsMax} signs, ` +
    "each with a letter or a digit.",
};

function RulesForm() {
  const session = useSession();
  const rules = useNotificationRules();
  // What was chosen here and is not saved: all else is as the account says it now, and stays what another device says.
  const [chosen, setChosen] = useState<Partial<Pick<NotificationRules, "level" | "quiet">>>({});
  const { level, quiet } = { ...rules, ...chosen };
  const [typed, setTyped] = useState(typedOf(rules.keywords));
  const faults = useFaults(faultTexts);
  const meanwhile = useMeanwhile({
    keywords: { label: "Your words", now: typedOf(rules.keywords), mine: typed, take: setTyped },
  });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const save = async () => {
    if (meanwhile.stands) return;
    const refused = (refusal: Failure) => meanwhile.take(withText(refusal), ["keywords"]) || faults.take(refusal);
    const seen = { keywords: [...wordsOf(meanwhile.seen.keywords)] };
    const said = { ...chosen, keywords: [...wordsOf(typed)], seen };
    const result = await session.change("setNotifications", said, refused);
    if (!result.ok) return;
    setChosen({});
    notices.show("You are told of this from now on.");
  };
  const choose = (next: typeof chosen) => setChosen((before) => ({ ...before, ...next }));
  const setQuiet = (part: Partial<NotificationRules["quiet"]>) => choose({ quiet: { ...quiet, ...part, zone } });
  const days = (day: number, on: boolean) =>
    setQuiet({ days: week.filter((one) => (one === day ? on : quiet.days.includes(one))) });
  const time = (label: string, name: "fromMinute" | "toMinute") => (
    <TextInput
      type="time"
      label={label}
      required
      withAsterisk={false}
      value={clockOf(quiet[name])}
      onChange={(event) => {
        const minute = minuteOf(event.currentTarget.value);
        if (minute !== undefined) setQuiet({ [name]: minute });
      }}
    />
  );
  return (
    <Form id="notifications" faults={faults} className="stack" onSubmit={save}>
      <NativeSelect
        className="narrow"
        label="Of rooms"
        description="Single rooms are below, and in their menus."
        data={[...levelOptions]}
        value={level}
        onChange={(event) => choose({ level: event.currentTarget.value as NotificationLevel })}
      />
      <TextInput
        className="narrow"
        label="Your words"
        description="Told like a mention, wherever they are written; with commas between."
        placeholder="deploy, on call"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        error={faults.of("keywords")}
      />
      {meanwhile.notes}
      <fieldset className="quiet-hours">
        <legend>Quiet hours</legend>
        <p className="dim">Nothing is told aloud then, and everything is counted. They begin on</p>
        <div className="row wrap">
          {week.map((day) => (
            <label key={day} className="check">
              <input
                type="checkbox"
                checked={quiet.days.includes(day)}
                onChange={(event) => days(day, event.currentTarget.checked)}
              />
              {dayNames[day]}
            </label>
          ))}
        </div>
        <div className="row wrap field-row">
          {time("From", "fromMinute")}
          {time("To", "toMinute")}
          <span className="dim">{quiet.days.length === 0 ? zone : quiet.zone}</span>
        </div>
      </fieldset>
      <div className="row">
        <Button type="submit" disabled={meanwhile.stands}>
          Save
        </Button>
      </div>
    </Form>
  );
}

/** A refusal that names the words as the field has them. */
function withText(refusal: Failure): Failure {
  const now = refusal.details?.["now"] as { readonly keywords?: readonly string[] } | undefined;
  if (now?.keywords === undefined) return refusal;
  return { ...refusal, details: { now: { keywords: typedOf(now.keywords) } } } as unknown as Failure;
}

/** The rooms of which the person has said something of their own. */
function OwnRooms() {
  const { rooms: said } = useNotificationRules();
  const listed = useRooms().data?.rooms ?? [];
  const titleOf = useRoomTitle();
  const session = useSession();
  const own = said.flatMap((rule) => {
    const room = listed.find((one) => one.room === rule.room);
    return room === undefined ? [] : [{ rule, title: titleOf(room) }];
  });
  return (
    <Part title="Rooms of their own" about="Chosen in the menu of a room, under “Notifications”.">
      {own.length === 0 && <p className="dim">There is none: every room is told of as above.</p>}
      {own.length > 0 && (
        <ul className="lines">
          {own.map(({ rule, title }) => (
            <li key={rule.room}>
              <div className="grow">
                <Link className="line-title" style={{ color: "inherit" }} to="/room/$room" params={{ room: rule.room }}>
                  {title}
                </Link>
                <span className="dim">{describeRoomRule(rule, Date.now())}</span>
              </div>
              <Button
                variant="default"
                aria-label={`Tell of ${title} as of other rooms`}
                onClick={() => void session.change("setRoomNotifications", { room: rule.room })}
              >
                As others
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Part>
  );
}
