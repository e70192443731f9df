import type { RoleTable } from "../../../../../protocols/authority/index.ts";
import type { Permission } from "../../../../../protocols/index.ts";
import { Icon } from "../../parts/icons.tsx";
import { permissionGroups, permissionText, whenText } from "./words.ts";

/** What roles come to: each permission, by which role and when, or that no role gives it. */
export function May({ roles, table }: { readonly roles: readonly string[]; readonly table: RoleTable }) {
  const givenBy = (permission: Permission): readonly string[] =>
    roles.flatMap((role) =>
      (table.get(role)?.get(permission) ?? []).map((when) =>
        when === undefined ? role : `${role} (${whenText(when) ?? ""})`,
      ),
    );
  return (
    <>
      {permissionGroups.map(({ title, names }) => {
        const given = names.map((name) => ({ name, by: givenBy(name) }));
        const count = given.filter(({ by }) => by.length > 0).length;
        return (
          <details key={title} className="more">
            <summary>
              {title}: {count === names.length ? "all" : count === 0 ? "none" : `${count} of ${names.length}`}
            </summary>
            <ul className="may-list">
              {given.map(({ name, by }) => (
                <li key={name} className={by.length > 0 ? "yes" : "no"}>
                  <Icon name={by.length > 0 ? "check" : "close"} size={15} />
                  <span>
                    <span className="hidden-text">{by.length > 0 ? "Yes: " : "No: "}</span>
                    {permissionText(name)}{" "}
                    <span className="dim">
                      {by.length > 0 ? `by ${by.join(", ")}` : "none of their roles gives it"}
                    </span>
                  </span>
                </li>
              ))}
            </ul>
          </details>
        );
      })}
    </>
  );
}
