import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { beyond, builtInRoles, roleTable, type RoleTable } from "../../../../../protocols/authority/index.ts";
import type { RolesView } from "../../../../../protocols/index.ts";
import { notices } from "../../../live/index.ts";
import { call } from "../../../wire/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Icon } from "../../parts/icons.tsx";
import { useProfile } from "../../parts/lists.ts";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { AdminPage } from "../frame.tsx";
import { holdersOf, useAct, useRoles, type Holder } from "../people/queries.ts";
import { permissionText } from "../people/words.ts";
import { Matrix } from "./matrix.tsx";
import { RoleEditor } from "./role-editor.tsx";
import "../people/people.css";
import "./roles.css";

const route = getRouteApi("/admin/$page");
/** No role is called so. */
const aNewOne = "+";

/** The roles of the cluster, and what they grant. */
export function RolesPage() {
  return (
    <AdminPage title="Roles" needs="people.see" refusal="Only people with permission to manage accounts see this page.">
      <Roles />
    </AdminPage>
  );
}

type Row = RolesView["roles"][number];

function Roles() {
  const { edit }: { readonly edit?: string } = route.useSearch();
  const { data, error } = useRoles();
  const own = useProfile()?.roles ?? [];
  const { may } = useRights();
  if (data === undefined)
    return error === null ? <p className="dim">Loading …</p> : <Note tone="bad">{error.message}</Note>;
  const { roles } = data;
  const table = roleTable(roles);
  const edited = roles.find(({ name }) => name === edit);
  if (edit !== undefined && may("roles.manage") && (edit === aNewOne || edited?.fixed === false))
    return (
      <RoleEditor key={edit} role={edited} taken={new Set(roles.map(({ name }) => name))} own={own} table={table} />
    );
  return (
    <>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <RoleList roles={roles} own={own} table={table} />
      <Part title="Permissions of each role">
        <Matrix roles={roles} />
        <p className="legend dim flush">
          <span>
            <span className="mark">
              <Icon name="check" size={16} />
            </span>{" "}
            granted
          </span>
          <span>
            <span className="mark sometimes">
              <Icon name="check" size={16} />
            </span>{" "}
            under conditions
          </span>
        </p>
      </Part>
    </>
  );
}

function RoleList({
  roles,
  own,
  table,
}: {
  readonly roles: readonly Row[];
  readonly own: readonly string[];
  readonly table: RoleTable;
}) {
  const { may } = useRights();
  const navigate = useNavigate();
  const act = useAct();
  const { ask } = useDialogs();
  const canManage = may("roles.manage");
  const remove = async (role: Row) => {
    const found = await holdersOf(role.name).catch(() => undefined);
    if (found === undefined) return notices.show("It is not known now who has the role. Try again later.", "bad");
    const question = {
      title: role.builtIn ? `Put the role ${role.name} back to what it was?` : `Remove the role ${role.name}?`,
      body: <Losses role={role} {...found} table={table} />,
      action: role.builtIn ? "Put back" : "Remove",
      grave: true,
    };
    if (!(await ask(question))) return;
    const removed = await act(() => call("roles.remove", { role: role.name }));
    if (removed !== undefined)
      notices.show(role.builtIn ? `The role ${role.name} is what it was.` : `The role ${role.name} was removed.`);
  };
  return (
    <Part
      title="Roles"
      about={
        "An account can have up to eight roles, and may do whatever any of them allows. Nobody can give a " +
        "permission that they do not have themselves."
      }
    >
      <ul className="lines">
        {roles.map((role) => {
          const lacking = beyond(own, role.grants, table);
          const isReplaced = role.builtIn && !isAsBuiltIn(role);
          const facts = [
            ...(role.note === undefined ? [] : [role.note]),
            role.fixed
              ? "built in, cannot be changed"
              : role.builtIn
                ? isReplaced
                  ? "built in, changed here"
                  : "built in"
                : "made here",
            ...(canManage && !role.fixed && lacking !== undefined
              ? [`you cannot change it: it grants ${lacking}`]
              : []),
          ];
          return (
            <li key={role.name}>
              <span className="grow">
                <span className="ellipsis line-title">{role.name}</span>
                <span className="dim break">{facts.join(" · ")}</span>
              </span>
              {canManage && !role.fixed && lacking === undefined && (
                <>
                  <Button
                    variant="default"
                    size="xs"
                    aria-label={`Change ${role.name}`}
                    onClick={() =>
                      void navigate({ to: "/admin/$page", params: { page: "roles" }, search: { edit: role.name } })
                    }
                  >
                    Change
                  </Button>
                  {(!role.builtIn || isReplaced) && (
                    <Button
                      variant="default"
                      size="xs"
                      aria-label={role.builtIn ? `Put ${role.name} back` : `Remove ${role.name}`}
                      onClick={() => void remove(role)}
                    >
                      {role.builtIn ? "Put back" : "Remove"}
                    </Button>
                  )}
                </>
              )}
            </li>
          );
        })}
      </ul>
      {canManage && (
        <Link to="/admin/$page" params={{ page: "roles" }} search={{ edit: aNewOne }} className="link">
          Make a role
        </Link>
      )}
    </Part>
  );
}

const isAsBuiltIn = ({ name, grants }: Row): boolean =>
  JSON.stringify(builtInRoles.find((one) => one.name === name)?.grants) === JSON.stringify(grants);

const shownMax = 10;

/** What people lose when a role goes. */
function Losses(props: {
  readonly role: Row;
  readonly people: readonly Holder[];
  readonly more: boolean;
  readonly table: RoleTable;
}) {
  const { role, people, more, table } = props;
  if (role.builtIn)
    return <p>Everybody who has it may then do what the built-in role allows, and nothing that was added here.</p>;
  if (people.length === 0) return <p>Nobody has it. This cannot be undone.</p>;
  const lostBy = ({ roles }: Holder): readonly string[] => {
    const others = roles.filter((one) => one !== role.name);
    const kept = new Set(others.flatMap((one) => [...(table.get(one)?.keys() ?? [])]));
    return [...new Set(role.grants.map(({ permission }) => permission))].filter((one) => !kept.has(one));
  };
  return (
    <>
      <p>People who have it keep its name, which then allows nothing. This cannot be undone.</p>
      <ul className="consequences">
        {people.slice(0, shownMax).map((one) => {
          const lost = lostBy(one);
          return (
            <li key={one.user}>
              {one.user}{" "}
              {lost.length === 0
                ? "loses nothing: other roles allow the same"
                : `loses: ${lost.map(permissionText).join("; ")}`}
            </li>
          );
        })}
        {people.length > shownMax && <li>{`${people.length - shownMax} others`}</li>}
        {more && <li>and perhaps more people: not everybody was checked</li>}
      </ul>
    </>
  );
}
