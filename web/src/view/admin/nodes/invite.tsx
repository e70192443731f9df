import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { describeInvited, invitationFault, joinCommand } from "../../../../../protocols/words/cluster-words.ts";
import { roles as allRoles, type Role } from "../../../../../protocols/ids.ts";
import type { InvitationIssued, StorageTerms } from "../../../../../protocols/index.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Told } from "../../parts/told.tsx";
import { Part } from "../../settings/part.tsx";
import { changes, useAct } from "./queries.ts";
import { quotaFrom, quotaRule } from "./quota-text.ts";

/** What each role is for. */
const uses: Readonly<Record<Role, string>> = {
  gateway: "gateway: people and programs connect to it",
  chat: "chat: rooms and people live on it",
  ai: "ai: it serves models",
  storage: "storage: it keeps parts of backups",
  manager: "manager: it decides with other managers where things run",
};

/** What the fields of a storage node say. */
interface Terms {
  readonly most: string;
  readonly onlyBackups: boolean;
}

/** What the fields allow of a node; undefined: all. */
function termsOf({ most, onlyBackups }: Terms): StorageTerms | undefined | "wrong" {
  const quotaBytes = quotaFrom(most);
  if (quotaBytes === "wrong") return "wrong";
  if (quotaBytes === null && !onlyBackups) return undefined;
  return { ...(quotaBytes !== null && { quotaBytes }), ...(onlyBackups && { classes: ["backup"] }) };
}

const labelRule = "At most 64 characters.";

function Roles(props: { readonly chosen: readonly Role[]; readonly onChosen: (roles: readonly Role[]) => void }) {
  const { chosen, onChosen } = props;
  const choose = (role: Role, on: boolean) =>
    onChosen(allRoles.filter((one) => (one === role ? on : chosen.includes(one))));
  return (
    <fieldset className="node-roles">
      <legend>Roles</legend>
      {allRoles.map((role) => (
        <label key={role} className="row">
          <input
            type="checkbox"
            checked={chosen.includes(role)}
            onChange={(event) => choose(role, event.currentTarget.checked)}
          />
          {uses[role]}
        </label>
      ))}
    </fieldset>
  );
}

/** How much it may keep of shards, and of what. */
function Limits(props: {
  readonly terms: Terms;
  readonly onTerms: (terms: Terms) => void;
  readonly fault: string | undefined;
}) {
  const { terms, onTerms, fault } = props;
  return (
    <div className="row field-row">
      <TextInput
        className="grow"
        label="Most that it keeps, in GB"
        description="Counts the parts of backups that it stores. Empty: as much as its operator allows"
        error={fault}
        value={terms.most}
        inputMode="decimal"
        maxLength={12}
        onChange={(event) => onTerms({ ...terms, most: event.currentTarget.value })}
      />
      <label className="row grow">
        <input
          type="checkbox"
          checked={terms.onlyBackups}
          onChange={(event) => onTerms({ ...terms, onlyBackups: event.currentTarget.checked })}
        />
        Only new backups
      </label>
    </div>
  );
}

/** Makes an invitation, and shows the command that a new node is started with. */
export function Invite() {
  const act = useAct();
  const [chosen, setChosen] = useState<readonly Role[]>(allRoles);
  const [zone, setZone] = useState("");
  const [host, setHost] = useState("");
  const [terms, setTerms] = useState<Terms>({ most: "", onlyBackups: false });
  const [made, setMade] = useState<InvitationIssued & { readonly command: string; readonly atMs: number }>();
  const labels = Object.fromEntries(
    Object.entries({ zone, host }).flatMap(([name, value]) => (value.trim() === "" ? [] : [[name, value.trim()]])),
  );
  const faults = useFaults({ zone: labelRule, host: labelRule, roles: "A node needs a role." });
  const invite = async () => {
    const storage = chosen.includes("storage") ? termsOf(terms) : undefined;
    if (storage === "wrong") return faults.say(quotaRule, "quotaBytes");
    const issued = await act(() => changes.invite({ roles: chosen, labels, ...(storage && { storage }) }), faults.take);
    if (issued !== undefined)
      setMade({ ...issued, command: joinCommand(issued, labels, "bin/plexus"), atMs: Date.now() });
  };
  const fault = made && invitationFault(made);
  return (
    <Part
      title="Invite a node"
      about="A node joins with a token that works once. Three nodes with the role manager keep working when one fails."
    >
      <Form id="invite-node" faults={faults} className="backup-form" label="Invite a node" onSubmit={invite}>
        <Roles chosen={chosen} onChosen={setChosen} />
        <div className="row field-row">
          <TextInput
            className="grow"
            label="Zone"
            description="Copies are spread over zones"
            error={faults.of("zone")}
            value={zone}
            maxLength={64}
            autoCapitalize="none"
            onChange={(event) => setZone(event.currentTarget.value)}
          />
          <TextInput
            className="grow"
            label="Host"
            description="Copies are also spread over machines"
            error={faults.of("host")}
            value={host}
            maxLength={64}
            autoCapitalize="none"
            onChange={(event) => setHost(event.currentTarget.value)}
          />
        </div>
        {chosen.includes("storage") && <Limits terms={terms} onTerms={setTerms} fault={faults.of("quotaBytes")} />}
        <div>
          <Button type="submit" disabled={chosen.length === 0}>
            Make an invitation
          </Button>
        </div>
      </Form>
      {made !== undefined && (
        <div className="invited" role="status">
          <Copyable text={made.command} label="Copy the command" />
          {describeInvited(made, made.atMs).map((line) => (
            <p key={line} className="dim break">
              <Told text={line} />
            </p>
          ))}
          {fault !== undefined && <Note tone="warn">{fault}</Note>}
        </div>
      )}
    </Part>
  );
}
