import { Button, TextInput } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { beyond, type RoleTable } from "../../../../../protocols/authority/index.ts";
import type { ClusterRole, Failure, Grant, GrantWhen, Permission } from "../../../../../protocols/index.ts";
import { wireLimits } from "../../../../../protocols/limits.ts";
import { notices } from "../../../live/index.ts";
import { call } from "../../../wire/index.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { useAct } from "../people/queries.ts";
import { permissionGroups, permissionText, whenText } from "../people/words.ts";
import { WhenFields } from "./when-fields.tsx";

const roleNameRule = "Lower-case letters, digits and -, and a letter first; at most 32.";

const noteIn = ({ details }: Failure): string => (typeof details?.["note"] === "string" ? details["note"] : "");

/** Makes a role, or says anew what one grants. */
export function RoleEditor(props: {
  /** Undefined: a new one. */
  readonly role: ClusterRole | undefined;
  readonly taken: ReadonlySet<string>;
  /** Roles of the admin who changes it. */
  readonly own: readonly string[];
  readonly table: RoleTable;
}) {
  const { role, taken, own, table } = props;
  const act = useAct();
  const navigate = useNavigate();
  const [name, setName] = useState(role?.name ?? "");
  const [note, setNote] = useState(role?.note ?? "");
  const [grants, setGrants] = useState<readonly Grant[]>(role?.grants ?? []);
  /** What it granted when it was opened. */
  const [seen, setSeen] = useState(role === undefined ? null : { grants: [...role.grants], note: role.note ?? "" });
  const [open, setOpen] = useState<Grant>();
  const faults = useFaults({ name: roleNameRule, role: roleNameRule, note: "This is too long." });
  const locked = beyond(own, role?.grants ?? [], table);
  /** The conditions under which the acting admin has a permission: `[undefined]` is without any, none is not at all. */
  const ownWhens = (permission: string): readonly (GrantWhen | undefined)[] =>
    own.flatMap((one) => table.get(one)?.get(permission) ?? []);
  const reasonOf = (permission: Permission): string | undefined => {
    if (locked !== undefined) return "This role grants more than you have.";
    return ownWhens(permission).length === 0 ? "You do not have this, so you cannot give it." : undefined;
  };
  const toggle = (permission: Permission, on: boolean) => {
    const others = grants.filter((one) => one.permission !== permission);
    const whens = ownWhens(permission);
    // Nobody gives more than they have: what one has under conditions is given under the same.
    const when = whens.includes(undefined) ? undefined : whens[0];
    setGrants(on ? [...others, { permission, ...(when && { when }) }] : others);
  };
  const take = (of: Grant, when: GrantWhen | undefined, all: boolean) => {
    const changed = (one: Grant): Grant => ({ permission: one.permission, ...(when && { when }) });
    setGrants(grants.map((one) => (all || one === of ? changed(one) : one)));
    setOpen(undefined);
  };
  const save = async () => {
    const lacking = beyond(own, grants, table);
    if (role === undefined && taken.has(name)) return faults.say("There is a role of this name.", "name");
    if (lacking !== undefined)
      return faults.say(`You do not have this, or under narrower conditions: ${permissionText(lacking)}.`);
    const body = { grants: [...grants], ...(note.trim() !== "" && { note: note.trim() }), seen };
    const changedBy = (reason: Failure): boolean => {
      if (reason.code !== "CHANGED_MEANWHILE") return faults.take(reason);
      const now = reason.details?.["now"];
      // What there is now is what the next save is compared with.
      setSeen(Array.isArray(now) ? { grants: now as Grant[], note: noteIn(reason) } : null);
      setGrants(Array.isArray(now) ? (now as Grant[]) : []);
      faults.say(
        "Somebody else has changed this role meanwhile. Nothing was saved; what it grants now is shown here. " +
          "Look at it, then change it again.",
      );
      return true;
    };
    if ((await act(() => call("roles.set", { role: name, ...body }), changedBy)) === undefined) return;
    notices.show(`The role ${name} was ${role === undefined ? "made" : "changed"}.`);
    await navigate({ to: "/admin/$page", params: { page: "roles" } });
  };
  return (
    <Form id="role" about={role?.name ?? ""} faults={faults} className="role-form" onSubmit={save}>
      <Link to="/admin/$page" params={{ page: "roles" }} className="link">
        All roles
      </Link>
      <Part title={role === undefined ? "A new role" : `The role ${role.name}`}>
        {locked !== undefined && (
          <Note tone="warn">
            It grants what you do not have ({permissionText(locked)}), so you can only look at it.
          </Note>
        )}
        <div className="row field-row">
          {role === undefined && (
            <TextInput
              label="Name"
              placeholder="auditor"
              error={faults.of("name") ?? faults.of("role")}
              autoCapitalize="none"
              autoComplete="off"
              spellCheck={false}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              required
            />
          )}
          <TextInput
            className="grow"
            label="What it is for"
            placeholder="Reads the audit from the office"
            error={faults.of("note")}
            maxLength={wireLimits.titleCharsMax}
            value={note}
            disabled={locked !== undefined}
            onChange={(event) => setNote(event.currentTarget.value)}
          />
        </div>
      </Part>
      {permissionGroups.map(({ title, names }) => (
        <Part key={title} title={title}>
          <fieldset className="options" aria-label={title}>
            {names.map((permission) => {
              const reason = reasonOf(permission);
              const held = grants.filter((one) => one.permission === permission);
              return (
                <div key={permission} className="grant">
                  <label className="check">
                    <input
                      type="checkbox"
                      checked={held.length > 0}
                      disabled={reason !== undefined}
                      onChange={({ currentTarget: { checked } }) => toggle(permission, checked)}
                    />
                    <span>
                      {permissionText(permission)} {reason !== undefined && <span className="dim">· {reason}</span>}
                    </span>
                  </label>
                  {held.map((one, index) => (
                    <div key={index} className="grant-when">
                      <span className="dim">{whenText(one.when) ?? "always"}</span>
                      {reason === undefined && (
                        <button
                          type="button"
                          className="link"
                          aria-expanded={open === one}
                          aria-label={`Conditions: ${permissionText(permission)}`}
                          onClick={() => setOpen(open === one ? undefined : one)}
                        >
                          Conditions
                        </button>
                      )}
                      {open === one && (
                        <WhenFields
                          of={permissionText(permission)}
                          when={one.when}
                          onTake={(when, all) => take(one, when, all)}
                        />
                      )}
                    </div>
                  ))}
                </div>
              );
            })}
          </fieldset>
        </Part>
      ))}
      <div className="row save-row">
        <Button type="submit" disabled={locked !== undefined}>
          {role === undefined ? "Make the role" : "Save"}
        </Button>
        <span className="dim">
          {grants.length} {grants.length === 1 ? "permission" : "permissions"}. It applies at once for everybody who has
          it.
        </span>
      </div>
    </Form>
  );
}
