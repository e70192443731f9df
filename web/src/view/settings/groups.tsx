import { Button, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { UserGroup } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { call } from "../../wire/index.ts";
import { nameRule, shownNameRule, useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { groupsKey, useGroups, useNames } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";
import { useRights } from "../parts/rights.ts";
import { Told } from "../parts/told.tsx";
import { useDialogs } from "../shell/dialogs.tsx";
import { Part } from "./part.tsx";

/** Groups that can be mentioned: everybody sees them, and some make them. */
export function Groups() {
  const queries = useQueryClient();
  const { data, error } = useGroups();
  const { may } = useRights();
  const { ask } = useDialogs();
  const nameFor = useNames();
  const [edited, setEdited] = useState<UserGroup | "new">();
  const reload = () => queries.invalidateQueries({ queryKey: groupsKey });
  const remove = async ({ group }: UserGroup) => {
    const body = <p>Messages that mention it stay as they are. Its people keep their accounts and rooms.</p>;
    if (!(await ask({ title: `Remove the group @${group}?`, body, action: "Remove", grave: true }))) return;
    const result = await call("groups.remove", { group });
    if (!result.ok && result.error.code !== "NOT_FOUND") notices.fail(result.error);
    await reload();
  };
  const mayManage = may("groups.manage");
  return (
    <Part
      title="Groups"
      about="A message with @ and the name of a group mentions its people who are in the room, and nobody else."
    >
      {error !== null && (
        <Note tone="bad">
          <Told text={error.message} />
        </Note>
      )}
      <ul className="lines">
        {data?.groups.map((group) => (
          <li key={group.group}>
            <span className="grow">
              <span className="ellipsis line-title">
                @{group.group} · <bdi>{group.title}</bdi>
              </span>
              <span className="dim break">
                {group.members.map((name) => nameFor(`user/${name}`)).join(", ") || "Nobody is in it"}
              </span>
            </span>
            {mayManage && (
              <>
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Change the group ${group.group}`}
                  onClick={() => setEdited(group)}
                >
                  Change
                </Button>
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Remove the group ${group.group}`}
                  onClick={() => void remove(group)}
                >
                  Remove
                </Button>
              </>
            )}
          </li>
        ))}
      </ul>
      {data?.groups.length === 0 && <p className="dim">There is no group yet.</p>}
      {mayManage && edited === undefined && <Button onClick={() => setEdited("new")}>New group</Button>}
      {edited !== undefined && (
        <EditGroup
          key={edited === "new" ? "" : edited.group}
          before={edited === "new" ? undefined : edited}
          onDone={async () => {
            setEdited(undefined);
            await reload();
          }}
        />
      )}
    </Part>
  );
}

const namesIn = (typed: string): readonly string[] => [
  ...new Set(typed.split(/[\s,@]+/).flatMap((name) => (name === "" ? [] : name.toLowerCase()))),
];

type Seen = Pick<UserGroup, "title" | "members">;

function EditGroup({
  before,
  onDone,
}: {
  readonly before: UserGroup | undefined;
  readonly onDone: () => Promise<unknown>;
}) {
  const [group, setGroup] = useState(before?.group ?? "");
  const [title, setTitle] = useState(before?.title ?? "");
  const [members, setMembers] = useState(before?.members.join(" ") ?? "");
  const [seen, setSeen] = useState<Seen | null>(
    before === undefined ? null : { title: before.title, members: before.members },
  );
  const faults = useFaults({
    group: nameRule,
    title: shownNameRule,
    members: `Names of accounts, at most ${wireLimits.groupMembersMax}, with blanks between them.`,
  });
  const save = async () => {
    const wanted = { group: group.trim().toLowerCase(), title: title.trim() || group, members: [...namesIn(members)] };
    const result = await call("groups.set", {
      ...wanted,
      seen: seen && { title: seen.title, members: [...seen.members] },
    });
    if (result.ok) return void (await onDone());
    if (result.error.code !== "CHANGED_MEANWHILE") return void faults.take(result.error);
    const now = (result.error.details?.["now"] ?? null) as Seen | null;
    setSeen(now);
    const is = now === null ? "has removed it" : `has set “${now.title}”: ${now.members.join(" ") || "nobody"}`;
    faults.say(`Somebody else ${is}. Save again to set yours instead.`);
  };
  return (
    <Form id="group" about={before?.group ?? ""} faults={faults} className="stack" onSubmit={save}>
      {before === undefined && (
        <TextInput
          label="Name"
          description={nameRule}
          error={faults.of("group")}
          value={group}
          maxLength={wireLimits.nameCharsMax}
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => setGroup(event.currentTarget.value)}
          required
          data-autofocus
        />
      )}
      <TextInput
        label="Title"
        error={faults.of("title")}
        value={title}
        maxLength={wireLimits.titleCharsMax}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <Textarea
        label="Members"
        description="Names of accounts, with blanks between them"
        error={faults.of("members")}
        value={members}
        autosize
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => setMembers(event.currentTarget.value)}
      />
      <div className="row">
        <Button type="submit">Save</Button>
        <Button type="button" variant="default" onClick={() => void onDone()}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}
