/** `plexus roles` and `plexus users`. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { GrantWhen, PersonRoles, RolesView, Session } from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { counted, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable, type Column } from "../terminal/table.ts";

/** What `plexus roles set` was told. */
export interface RoleFlags {
  readonly role: string;
  readonly permissions: readonly string[];
  readonly note?: string;
  readonly proved?: string;
  readonly from?: readonly string[];
  readonly hours?: string;
  readonly days?: string;
  readonly label?: readonly string[];
}

const columns = (...heads: readonly string[]): readonly Column[] => heads.map((head) => ({ head }));

async function readRoles(flags: AdminFlags): Promise<RolesView["roles"]> {
  return (await operate(flags, "roles.list")).roles;
}

/** `plexus roles`. With --json one line a role. */
export async function listRoles(flags: AdminFlags, output: Output): Promise<number> {
  const roles = await readRoles(flags);
  if (flags.json) for (const role of roles) output.print(jsonLine(role));
  else {
    const rows = roles.map(({ name, grants, note, builtIn, fixed }) => [
      withoutControls(name),
      fixed ? "fixed" : builtIn ? "built in" : "own",
      String(grants.length),
      withoutControls(note ?? ""),
    ]);
    output.print(renderTable(columns("role", "", "permissions", "what it is for"), rows, output));
  }
  return exitCodes.ok;
}

/** `plexus roles show`. */
export async function showRole(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const role = (await readRoles(flags)).find((one) => one.name === name);
  if (role === undefined) throw new PlexusError(failure("NOT_FOUND", { role: name }));
  if (flags.json) output.print(jsonLine(role));
  else {
    const rows = role.grants.map(({ permission, when }) => [withoutControls(permission), whenText(when)]);
    output.print(renderTable(columns("permission", "when"), rows, output));
  }
  return exitCodes.ok;
}

/** `plexus roles set`. */
export async function setRole(flags: AdminFlags, told: RoleFlags, output: Output): Promise<number> {
  const when = readWhen(told);
  const grants = told.permissions.map((permission) => ({ permission, ...(when && { when }) }));
  const body = { grants, ...(told.note !== undefined && { note: told.note }) };
  const set = await operate(flags, "roles.set", { role: told.role, ...body });
  if (flags.json) output.print(jsonLine(set));
  else
    output.print(
      `${withoutControls(set.name)} has ${set.grants.length} permissions${when ? `, ${whenText(when)}` : ""}.`,
    );
  return exitCodes.ok;
}

/** `plexus roles remove`. */
export async function removeRole(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const removed = await operate(flags, "roles.remove", { role: name });
  if (flags.json) output.print(jsonLine(removed));
  else
    output.print(
      `The role ${withoutControls(removed.name)} is removed. People who have it keep its name, which then ` +
        "allows nothing.",
    );
  return exitCodes.ok;
}

/** `plexus users`. With --json one line a person. */
export async function listUsers(flags: AdminFlags, output: Output): Promise<number> {
  const call = callsTo(await findNode(flags));
  const people: PersonRoles[] = [];
  for (let more = true; more;) {
    const after = people.at(-1)?.user;
    const page = demand(await call("people.list", after === undefined ? {} : { after }));
    people.push(...page.people);
    more = page.more && page.people.length > 0;
  }
  if (flags.json) for (const person of people) output.print(jsonLine(person));
  else {
    const rows = people.map(({ user, roles }) => [withoutControls(user), withoutControls(roles.join(", "))]);
    output.print(rows.length === 0 ? "Everybody is a member." : renderTable(columns("person", "roles"), rows, output));
  }
  return exitCodes.ok;
}

/** `plexus users roles`. */
export async function setUserRoles(
  flags: AdminFlags,
  change: { readonly user: string; readonly roles: readonly string[]; readonly seen?: readonly string[] },
  output: Output,
): Promise<number> {
  const { user, roles, seen } = change;
  const asked = { user, roles: [...roles], ...(seen && { seen: [...seen] }) };
  const set = await operate(flags, "people.setRoles", asked);
  if (flags.json) output.print(jsonLine(set));
  else output.print(`${withoutControls(set.user)} has the roles: ${withoutControls(set.roles.join(", "))}.`);
  return exitCodes.ok;
}

/** `plexus users sessions`. With --json one line a session. */
export async function listSessions(flags: AdminFlags, user: string, output: Output): Promise<number> {
  const { sessions, suspended, deletesAtMs } = await operate(flags, "people.show", { user });
  if (flags.json) for (const session of sessions) output.print(jsonLine(session));
  else {
    const day = (ms: number | undefined): string => (ms === undefined ? "" : new Date(ms).toISOString().slice(0, 16));
    const rows = sessions.map((session) => [
      session.id,
      session.kind,
      withoutControls(session.label),
      day(session.createdAtMs),
      day(session.expiresAtMs),
      day(session.usedAtMs),
      lastFrom(session),
      withoutControls(session.scopes?.join(", ") ?? ""),
    ]);
    const heads = columns("id", "kind", "label", "since", "until", "used", "from", "only for");
    output.print(rows.length === 0 ? "None." : renderTable(heads, rows, output));
    const name = withoutControls(user);
    if (suspended === true) output.print(`The account is suspended. \`plexus users restore ${name}\` ends that.`);
    if (deletesAtMs !== undefined)
      output.print(`The account is deleted on ${day(deletesAtMs)}. \`plexus users restore ${name}\` calls it off.`);
  }
  return exitCodes.ok;
}

/** From where a session was used last, or opened. */
function lastFrom({ address = "", place, usedFrom, usedPlace }: Session): string {
  const [from, where] = usedFrom === undefined ? [address, place] : [usedFrom, usedPlace];
  return withoutControls(where === undefined ? from : `${from} (${where})`);
}

/** `plexus users revoke`. */
export async function revokeSessions(
  flags: AdminFlags,
  user: string,
  session: string | undefined,
  output: Output,
): Promise<number> {
  if (session === undefined) await operate(flags, "people.endSessions", { user });
  else await operate(flags, "people.endSession", { user, id: session });
  const what = session === undefined ? "All sessions and API keys" : `The session ${withoutControls(session)}`;
  output.print(`${what} of ${withoutControls(user)} ended, with their connections.`);
  return exitCodes.ok;
}

/** `plexus users unshare`. */
export async function endSharedLinks(flags: AdminFlags, user: string, output: Output): Promise<number> {
  const { ended } = await operate(flags, "people.endSharedLinks", { user });
  if (flags.json) output.print(jsonLine({ user, ended }));
  else output.print(`${counted(ended, "shared link")} of ${withoutControls(user)} ended: they show nothing any more.`);
  return exitCodes.ok;
}

function whenText(when: GrantWhen | undefined): string {
  if (when === undefined) return "always";
  const { provedWithinMinutes, addresses, hours, labels } = when;
  return withoutControls(
    [
      provedWithinMinutes === undefined ? [] : `proved within ${provedWithinMinutes} min`,
      addresses === undefined ? [] : `from ${addresses.join(", ")}`,
      hours === undefined ? [] : `${hours.from}-${hours.to} UTC${hours.days ? ` on days ${hours.days.join(",")}` : ""}`,
      labels === undefined
        ? []
        : `at nodes with ${Object.entries(labels)
            .map(([label, value]) => `${label}=${value}`)
            .join(", ")}`,
    ]
      .flat()
      .join("; "),
  );
}

/** What the flags say of when. Error: BAD_REQUEST. */
function readWhen({ proved, from = [], hours, days, label = [] }: RoleFlags): GrantWhen | undefined {
  const wrong = (field: string, reason: string): PlexusError =>
    new PlexusError(failure("BAD_REQUEST", { field, reason }));
  const span = hours === undefined ? undefined : /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(hours);
  if (span === null) throw wrong("--hours", "hours are like 08:00-18:00");
  if (days !== undefined && span === undefined) throw wrong("--days", "days need --hours; all day is 00:00-23:59");
  const labels = label.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw wrong("--label", "a label is like zone=berlin");
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  const when: GrantWhen = {
    ...(proved !== undefined && { provedWithinMinutes: Number(proved) }),
    ...(from.length > 0 && { addresses: [...from] }),
    ...(span && {
      hours: { from: span[1] as string, to: span[2] as string, ...(days && { days: days.split(",").map(Number) }) },
    }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
  };
  return Object.keys(when).length === 0 ? undefined : when;
}
