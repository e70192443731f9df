/** What the operations on the configuration of the cluster do: every key at every node, what a change would do,
 *  changes, their history, and the way back. */
import { checkSetting, fields, settingSchema, shownSetting, type ClusterValues } from "../../../config/index.ts";
import {
  defaultRole,
  failure,
  grantsOf,
  ok,
  PlexusError,
  refused,
  type Asker,
  type configurationOperations,
  type Done,
  type HandlersOf,
  type NodeEffects,
  type NodeSettings,
  type PlanSettings,
  type Result,
  type RoleTable,
  type SettingChange,
  type SettingKind,
  type SettingsPlan,
  type SettingsScope,
} from "../../../protocols/index.ts";
import {
  plainValues,
  settingChanges,
  valuesAfter,
  type ClusterSettings,
  type SettingsRow,
  type SettingsRequest,
} from "./settings.ts";

/** The configuration of the nodes, as one of them has it. */
export interface SettingsControl {
  readonly settings: Pick<ClusterSettings, "row" | "nodes" | "change">;
  /** Members, this node first: ids and names. */
  nodes(): readonly { readonly node: string; readonly name: string }[];
  /** How each node is configured, or this one alone. */
  view(node?: string): Promise<readonly NodeSettings[]>;
  /** What it would do at each of these nodes if this were set for it. */
  plan(of: (node: string) => ClusterValues | undefined): Promise<readonly NodeEffects[]>;
}

/** What the handlers stand on. */
interface Parts {
  readonly control: SettingsControl;
  /** What each role grants now. */
  readonly table: () => RoleTable;
  /** Whether an address is in one of these ranges, which the configuration has checked. */
  readonly isWithin: (ranges: readonly string[], address: string) => boolean;
  readonly nowMs: () => number;
}

type Values = Readonly<Record<string, unknown>>;
type To = (row: SettingsRow) => Result<Values>;

const kinds: readonly SettingKind[] = fields.map(({ name, says, variable, live, own }) => ({
  key: name,
  says,
  schema: settingSchema(name),
  variable,
  live,
  ...(own !== undefined && { own }),
}));

const shownChange = ({ key, before, after }: SettingChange): SettingChange => ({
  key,
  ...(before !== undefined && { before: shownSetting(key, before) }),
  ...(after !== undefined && { after: shownSetting(key, after) }),
});

/** The handlers. What names a node that there is not is refused before anything is done, and is not in the audit. */
export function handleConfiguration(at: Parts): HandlersOf<typeof configurationOperations> {
  const { settings } = at.control;
  const names = namesOf(at.control);
  const planFor = planBy(at.control);
  const change = changeBy(at, planFor);
  return {
    "configuration.show": async (query) => {
      const [asked] = at.control.nodes();
      const one = query.own === true ? asked?.node : names.nodeOf(query.node);
      const scope = (row: SettingsRow, node?: string): SettingsScope => ({
        ...(node !== undefined && { node: names.nameOf(node) }),
        revision: row.revision,
        values: Object.fromEntries(
          Object.entries(row.values).map(([key, set]) => [key, { ...set, value: shownSetting(key, set.value) }]),
        ),
      });
      const ofNodes = [...settings.nodes()].filter(([node]) => one === undefined || node === one);
      return ok({
        keys: kinds,
        names: at.control.nodes().map(({ name }) => name),
        nodes: await at.control.view(one),
        scopes: [scope(settings.row()), ...ofNodes.map(([node, row]) => scope(row, node))],
      });
    },
    "configuration.plan": async ({ node: name, ...change_ }, asker) => {
      const node = names.nodeOf(name);
      const row = settings.row(node);
      const back = change_.to === undefined ? undefined : valuesAfter(row, change_.to);
      if (back?.ok === false) return back;
      const values = back === undefined ? valuesWith(at, asker, row, change_) : allowed(at, asker, row, back.value);
      if (!values.ok) return values;
      return ok({
        changes: settingChanges(row, values.value).map(shownChange),
        nodes: await planFor(node, values.value),
        revision: row.revision,
      });
    },
    "configuration.set": ({ revision, node: name, ...change_ }, asker) => {
      const node = names.nodeOf(name);
      return change(asker, { ...(node !== undefined && { node }), revision }, (row) =>
        valuesWith(at, asker, row, change_),
      );
    },
    "configuration.history": ({ node }) => {
      const { revision, history } = settings.row(names.nodeOf(node));
      const changes = history.toReversed().map((one) => ({ ...one, changes: one.changes.map(shownChange) }));
      return ok({ revision, changes, cut: history.length < revision });
    },
    "configuration.rollBack": ({ revision, to, node: name }, asker) => {
      const node = names.nodeOf(name);
      return change(asker, { ...(node !== undefined && { node }), revision, backTo: to }, (row) => {
        const values = valuesAfter(row, to);
        return values.ok ? allowed(at, asker, row, values.value) : values;
      });
    },
  };
}

/** Ids and names of nodes. */
const namesOf = (control: Pick<SettingsControl, "nodes">) => ({
  /** The id of a node that is named; undefined: all nodes. Throws NOT_FOUND. */
  nodeOf(name: string | undefined): string | undefined {
    if (name === undefined) return undefined;
    const found = control.nodes().find((one) => one.name === name || one.node === name);
    if (found === undefined) throw new PlexusError(failure("NOT_FOUND", { node: name }));
    return found.node;
  },
  nameOf: (node: string): string => control.nodes().find((one) => one.node === node)?.name ?? node,
});

/** What is set after a change. Errors: BAD_REQUEST of a value that cannot be, FORBIDDEN of one that is for owners. */
function valuesWith(
  at: Parts,
  asker: Asker,
  row: SettingsRow,
  { set = {}, unset = [] }: Pick<PlanSettings, "set" | "unset">,
): Result<Values> {
  const values = { ...plainValues(row) };
  for (const key of unset) delete values[key];
  for (const [key, value] of Object.entries(set)) {
    const checked = checkSetting(key, value);
    if ("reason" in checked) return refused(badValue(key, checked.reason));
    values[key] = checked.value;
  }
  return allowed(at, asker, row, values);
}

const badValue = (key: string, problem: string) => failure("BAD_REQUEST", { path: `/set/${key}`, problem });

/** The values, where they can be and the asker may set what differs. Errors: BAD_REQUEST, FORBIDDEN, SIGN_IN_AGAIN. */
function allowed({ table, isWithin }: Parts, asker: Asker, row: SettingsRow, values: Values): Result<Values> {
  for (const { key, after } of settingChanges(row, values)) {
    const checked = after === undefined ? undefined : checkSetting(key, after);
    if (checked !== undefined && "reason" in checked) return refused(badValue(key, checked.reason));
    const needs = fields.find(({ name }) => name === key)?.needs;
    // An admin who opens registration gives what a member has.
    const gives = needs === "people.admit" ? grantsOf([defaultRole], table()) : [];
    const reason = needs && (asker.may(needs) ?? asker.mayGive(gives));
    if (reason !== undefined) return refused(reason);
    const ranges = key === "adminAddresses" ? ((after ?? []) as readonly string[]) : [];
    if (ranges.length > 0 && !isWithin(ranges, asker.address))
      return refused(badValue(key, `it would lock you out: you come from ${asker.address}`));
  }
  return ok(values);
}

/** What nodes would make of it if these were the values of one set. */
const planBy =
  (control: SettingsControl) =>
  (scope: string | undefined, values: Values): Promise<readonly NodeEffects[]> =>
    control.plan((node) => {
      if (scope !== undefined && scope !== node) return undefined;
      const { settings } = control;
      const own = plainValues(settings.row(node));
      return scope === undefined ? { all: values, node: own } : { all: plainValues(settings.row()), node: values };
    });

/** Changes what is set, and says what differs then. */
function changeBy({ control, nowMs }: Parts, planFor: ReturnType<typeof planBy>) {
  const { settings } = control;
  const { nameOf } = namesOf(control);
  return async (asker: Asker, change: Omit<SettingsRequest, "by" | "nowMs">, to: To): Promise<Done<SettingsPlan>> => {
    const { node, revision } = change;
    let changes: readonly SettingChange[] = [];
    // What it does is seen from what runs before it is done.
    const planned = settings.row(node).revision === revision ? to(settings.row(node)) : undefined;
    const nodes = planned?.ok === true ? await planFor(node, planned.value) : [];
    const done = await settings.change({ ...change, by: asker.by, nowMs: nowMs() }, (row) => {
      const next = to(row);
      if (next.ok) changes = settingChanges(row, next.value).map(shownChange);
      return next;
    });
    const scope = node === undefined ? { scope: "all nodes" } : { node: nameOf(node), scope: nameOf(node) };
    if (!done.ok) return { result: done, facts: scope };
    const keys = changes.map(({ key }) => key).join(" ");
    // Also where both read the same: of a secret, and of a long list, they show too little to differ.
    const said = changes.flatMap(({ key, before, after }) => [
      [`before.${key}`, factOf(before)],
      [`after.${key}`, factOf(after)],
    ]);
    return {
      result: ok({ changes, nodes, revision: done.value.revision }),
      facts: { ...scope, revision: done.value.revision, keys: keys.slice(0, 256), ...Object.fromEntries(said) },
    };
  };
}

/** A value as the audit keeps it. */
function factOf(value: unknown): string | number | boolean {
  if (value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return value;
  return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 256);
}
