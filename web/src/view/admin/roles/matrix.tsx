import { Fragment } from "react";
import type { ClusterRole } from "../../../../../protocols/index.ts";
import { Icon } from "../../parts/icons.tsx";
import { permissionGroups, permissionText, whenText } from "../people/words.ts";

/** Every permission by every role. On a phone the names of roles stand upright, and more roles are to the side. */
export function Matrix({ roles }: { readonly roles: readonly ClusterRole[] }) {
  return (
    <div className="matrix-scroll" tabIndex={0} role="region" aria-label="Permissions by role">
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">Permission</th>
            {roles.map(({ name }) => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {permissionGroups.map(({ title, names }) => (
            <Fragment key={title}>
              <tr className="matrix-group">
                <th scope="rowgroup" colSpan={roles.length + 1}>
                  {title}
                </th>
              </tr>
              {names.map((permission) => (
                <tr key={permission}>
                  <th scope="row">{permissionText(permission)}</th>
                  {roles.map((role) => (
                    <Cell key={role.name} role={role} permission={permission} />
                  ))}
                </tr>
              ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ role: { grants }, permission }: { readonly role: ClusterRole; readonly permission: string }) {
  const held = grants.filter((one) => one.permission === permission);
  if (held.length === 0)
    return (
      <td className="no">
        <span aria-hidden="true">·</span>
        <span className="hidden-text">no</span>
      </td>
    );
  const isAlways = held.some(({ when }) => when === undefined);
  const when = held.map((one) => whenText(one.when) ?? "").join(", or ");
  return (
    <td className={isAlways ? "yes" : "yes sometimes"} title={isAlways ? undefined : when}>
      <Icon name="check" size={16} />
      <span className="hidden-text">{isAlways ? "yes" : `only ${when}`}</span>
    </td>
  );
}
