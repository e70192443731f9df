/** Permissions and the conditions of roles, in words. Pure. */
import { permissions, type Permission } from "../../../../../protocols/authority/permissions.ts";
import type { GrantWhen } from "../../../../../protocols/index.ts";

/** Permissions by what they are about, as the page lists them. */
export const permissionGroups: readonly { readonly title: string; readonly names: readonly Permission[] }[] = group([
  ["Rooms", "room."],
  ["Account and people", "account.", "catalog."],
  ["Agents and models", "agent.", "model.", "models."],
  ["Looking after people", "people.", "roles."],
  ["The cluster", "cluster.", "nodes.", "shards.", "config.", "secrets."],
  ["Audit and alerts", "audit.", "alerts.", "rules.", "playbooks."],
  ["Backups and keys", "backup.", "keys."],
]);

function group(titles: readonly (readonly [string, ...string[]])[]) {
  const all = Object.keys(permissions) as Permission[];
  const groups = titles.map(([title, ...begins]) => ({
    title,
    names: all.filter((name) => begins.some((begin) => name.startsWith(begin))),
  }));
  const known = new Set(groups.flatMap(({ names }) => names));
  const rest = all.filter((name) => !known.has(name));
  return rest.length === 0 ? groups : [...groups, { title: "More", names: rest }];
}

/** What a permission is for; one of a later version says only its name. */
export const permissionText = (name: string): string =>
  Object.hasOwn(permissions, name) ? permissions[name as Permission].for : name;

/** Monday first, as `days` counts them. */
export const dayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;

/** When a grant holds. Undefined: always. */
export function whenText(when: GrantWhen | undefined): string | undefined {
  if (when === undefined) return undefined;
  const { provedWithinMinutes: minutes, addresses, hours, labels = {} } = when;
  const days = hours?.days?.toSorted((one, other) => one - other).map((day) => dayNames[day - 1]);
  const nodes = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return [
    ...(minutes === undefined ? [] : [`signed in within ${minutes} ${minutes === 1 ? "minute" : "minutes"}`]),
    ...(addresses === undefined ? [] : [`from ${addresses.join(", ")}`]),
    ...(hours === undefined ? [] : [`${hours.from}–${hours.to} UTC${days === undefined ? "" : `, ${days.join(" ")}`}`]),
    ...(nodes.length === 0 ? [] : [`at nodes with ${nodes.join(", ")}`]),
  ].join("; ");
}
