/** The configuration of the cluster, for admins: every key at every node, what a change would do, changes, their
 *  history, and the way back. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { checkSetting, fields, settingSchema, shownSetting, type ClusterValues } from "../../config/index.ts";
import {
  changeSettings,
  defaultRole,
  failure,
  grantsOf,
  ok,
  planSettings,
  refused,
  rollBackSettings,
  settingsQuery,
  settingsViewQuery,
  type ChangeSettings,
  type NodeEffects,
  type NodeSettings,
  type PlanSettings,
  type Result,
  type RollBackSettings,
  type SettingChange,
  type SettingKind,
  type SettingsHistory,
  type SettingsPlan,
  type SettingsScope,
  type SettingsView,
  type SettingsViewQuery,
} from "../../protocols/index.ts";
import {
  plainValues,
  settingChanges,
  valuesAfter,
  type ClusterSettings,
  type SettingsRow,
  type SettingsRequest,
} from "../cluster/facts/settings.ts";
import { createAddressRule } from "./edge/addresses.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./edge/refusals.ts";
import { refusalOf, refusalToGive } from "./identity/roles.ts";

/** The configuration, as a gateway has it. */
export interface SettingsControl {
  readonly settings: Pick<ClusterSettings, "row" | "nodes" | "change">;
  /** Members, this node first: ids and names. */
  nodes(): readonly { readonly node: string; readonly name: string }[];
  /** How each node is configured, or this one alone. */
  view(node?: string): Promise<readonly NodeSettings[]>;
  /** What it would do at each of these nodes if this were set for it. */
  plan(of: (node: string) => ClusterValues | undefined): Promise<readonly NodeEffects[]>;
}

const read = { access: "admin", permission: "config.read" } as const;
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

/** Adds the routes. */
export function addConfiguration(app: FastifyInstance, at: GatewayContext, control: SettingsControl): void {
  const tags = ["admin"];
  const { settings } = control;

  /** The id of a node that is named; undefined: all nodes. Error: NOT_FOUND. */
  function nodeOf(name: string | undefined): Result<string | undefined> {
    if (name === undefined) return ok(undefined);
    const found = control.nodes().find((one) => one.name === name || one.node === name);
    return found === undefined ? refused(failure("NOT_FOUND", { node: name })) : ok(found.node);
  }
  const nameOf = (node: string): string => control.nodes().find((one) => one.node === node)?.name ?? node;

  /** What is set after a choice. Errors: BAD_REQUEST of a value that cannot be, FORBIDDEN of one that is for owners. */
  function valuesWith(
    request: FastifyRequest,
    row: SettingsRow,
    { set = {}, unset = [] }: Pick<PlanSettings, "set" | "unset">,
  ): Result<Readonly<Record<string, unknown>>> {
    const values = { ...plainValues(row) };
    for (const key of unset) delete values[key];
    for (const [key, value] of Object.entries(set)) {
      const checked = checkSetting(key, value);
      if ("reason" in checked) return refused(failure("BAD_REQUEST", { path: `/set/${key}`, problem: checked.reason }));
      values[key] = checked.value;
    }
    return allowed(request, row, values);
  }

  function allowed(
    request: FastifyRequest,
    row: SettingsRow,
    values: Readonly<Record<string, unknown>>,
  ): Result<Readonly<Record<string, unknown>>> {
    for (const { key, after } of settingChanges(row, values)) {
      const checked = after === undefined ? undefined : checkSetting(key, after);
      if (checked !== undefined && "reason" in checked)
        return refused(failure("BAD_REQUEST", { path: `/set/${key}`, problem: checked.reason }));
      const needs = fields.find(({ name }) => name === key)?.needs;
      // An admin who opens registration gives what a member has.
      const gives = needs === "people.admit" ? grantsOf([defaultRole], at.rights.table()) : [];
      const reason = needs && (refusalOf(at, request, needs) ?? refusalToGive(at, request, gives));
      if (reason !== undefined) return refused(reason);
      const ranges = key === "adminAddresses" ? ((after ?? []) as readonly string[]) : [];
      if (ranges.length > 0 && !createAddressRule(ranges)(request.address))
        return refused(failure("BAD_REQUEST", { path: `/set/${key}`, problem: `it would lock you out: you come from ${request.address}` })); // prettier-ignore
    }
    return ok(values);
  }

  /** What nodes would make of it if these were the values of one set. */
  const planFor = (
    scope: string | undefined,
    values: Readonly<Record<string, unknown>>,
  ): Promise<readonly NodeEffects[]> =>
    control.plan((node) => {
      if (scope !== undefined && scope !== node) return undefined;
      const own = plainValues(settings.row(node));
      return scope === undefined ? { all: values, node: own } : { all: plainValues(settings.row()), node: values };
    });

  async function plannedFor(
    request: FastifyRequest,
    node: string | undefined,
    choice: Pick<PlanSettings, "set" | "unset" | "to">,
  ): Promise<SettingsPlan> {
    const row = settings.row(node);
    const back = choice.to === undefined ? undefined : demand(valuesAfter(row, choice.to));
    const values = demand(back === undefined ? valuesWith(request, row, choice) : allowed(request, row, back));
    return {
      changes: settingChanges(row, values).map(shownChange),
      nodes: await planFor(node, values),
      revision: row.revision,
    };
  }

  async function change(
    request: FastifyRequest,
    choice: Omit<SettingsRequest, "by" | "nowMs">,
    to: (row: SettingsRow) => Result<Readonly<Record<string, unknown>>>,
  ): Promise<SettingsPlan> {
    const { node, revision } = choice;
    let changes: readonly SettingChange[] = [];
    let nodes: readonly NodeEffects[] = [];
    const done = async (): Promise<Result<SettingsRow>> => {
      // What it does is seen from what runs before it is done.
      const planned = settings.row(node).revision === revision ? to(settings.row(node)) : undefined;
      if (planned?.ok === true) nodes = await planFor(node, planned.value);
      return settings.change({ ...choice, by: whoIs(request), nowMs: at.clock.nowMs() }, (row) => {
        const next = to(row);
        if (next.ok) changes = settingChanges(row, next.value).map(shownChange);
        return next;
      });
    };
    const scope = node === undefined ? "all nodes" : nameOf(node);
    const facts = { ...(node !== undefined && { node: nameOf(node) }), scope, ...(choice.backTo !== undefined && { backTo: choice.backTo }) }; // prettier-ignore
    const row = await audited(at, request, facts, done(), (now) => ({
      revision: now.revision,
      keys: changes
        .map(({ key }) => key)
        .join(" ")
        .slice(0, 256),
      ...Object.fromEntries(
        changes.flatMap(({ key, before, after }) => [
          [`before.${key}`, factOf(before)],
          [`after.${key}`, factOf(after)],
        ]),
      ),
    }));
    return { changes, nodes, revision: row.revision };
  }

  app.get<{ Querystring: SettingsViewQuery }>(
    "/admin/configuration",
    {
      config: read,
      schema: {
        summary: "Every key of the configuration: what it is, and at each node its value and where that comes from",
        description:
          "`scopes` is what admins have set, for all nodes and for single ones. Flags and environment of a node count more, its file counts less. `next`: what counts after a restart. With `node`, or `own=true`, that node alone, and what is set for all and for it: a cluster of many nodes is half a megabyte.",
        tags,
        querystring: settingsViewQuery,
      },
    },
    async ({ query }): Promise<SettingsView> => {
      const [asked] = control.nodes();
      const one = query.own === true ? asked?.node : demand(nodeOf(query.node));
      const scope = (row: SettingsRow, node?: string): SettingsScope => ({
        ...(node !== undefined && { node: nameOf(node) }),
        revision: row.revision,
        values: Object.fromEntries(
          Object.entries(row.values).map(([key, set]) => [key, { ...set, value: shownSetting(key, set.value) }]),
        ),
      });
      const ofNodes = [...settings.nodes()].filter(([node]) => one === undefined || node === one).map(([node, row]) => scope(row, node)); // prettier-ignore
      return {
        keys: kinds,
        names: control.nodes().map(({ name }) => name),
        nodes: await control.view(one),
        scopes: [scope(settings.row()), ...ofNodes],
      };
    },
  );

  app.post<{ Body: PlanSettings }>(
    "/admin/configuration/plan",
    {
      config: { access: "admin", permission: "config.manage" },
      schema: {
        summary: "What a change of the configuration would do at each node; nothing is changed",
        description: "With `to`: what going back to that revision would do.",
        tags,
        body: planSettings,
      },
    },
    async (request) => plannedFor(request, demand(nodeOf(request.body.node)), request.body),
  );

  app.put<{ Body: ChangeSettings }>(
    "/admin/configuration",
    {
      config: audits("setConfiguration", "config.manage"),
      schema: {
        summary: "Changes the configuration of all nodes, or of one",
        description:
          "`revision` is the one that `GET` has shown for this scope: a change that somebody else made since then is not overwritten (CONFIG_CHANGED). The answer says what each node does with the change.",
        tags,
        body: changeSettings,
      },
    },
    async (request) => {
      const { revision, node: name, ...choice } = request.body;
      const node = demand(nodeOf(name));
      return change(request, { ...(node !== undefined && { node }), revision }, (row) =>
        valuesWith(request, row, choice),
      );
    },
  );

  app.get<{ Querystring: { readonly node?: string } }>(
    "/admin/configuration/history",
    {
      config: read,
      schema: { summary: "What was changed of the configuration, newest first", tags, querystring: settingsQuery },
    },
    async (request): Promise<SettingsHistory> => {
      const { revision, history } = settings.row(demand(nodeOf(request.query.node)));
      const changes = history.toReversed().map((one) => ({ ...one, changes: one.changes.map(shownChange) }));
      return { revision, changes, cut: history.length < revision };
    },
  );

  app.post<{ Body: RollBackSettings }>(
    "/admin/configuration/rollback",
    {
      config: audits("rollBackConfiguration", "config.manage"),
      schema: {
        summary: "Sets the configuration back to what it was after a change; that is a change itself",
        tags,
        body: rollBackSettings,
      },
    },
    async (request) => {
      const { revision, to, node: name } = request.body;
      const node = demand(nodeOf(name));
      return change(request, { ...(node !== undefined && { node }), revision, backTo: to }, (row) => {
        const values = valuesAfter(row, to);
        return values.ok ? allowed(request, row, values.value) : values;
      });
    },
  );
}

/** A value as the audit keeps it. */
const factOf = (value: unknown): string | number | boolean =>
  value === undefined
    ? ""
    : typeof value === "number" || typeof value === "boolean"
      ? value
      : (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 256);
