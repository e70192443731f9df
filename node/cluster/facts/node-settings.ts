/** The configuration of the cluster at one node: what admins have set is taken here as soon as the directory says it,
 *  is remembered for the next start, and is told to callers. */
import { noClusterValues, type ClusterValues, type Settings } from "../../../config/index.ts";
import { failureOf, ok, type NodeEffects, type NodeSettings } from "../../../protocols/index.ts";
import type { SettingsControl } from "./configuration-operations.ts";
import { plainValues, settingsLimits, watchSettings } from "./settings.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Directory, Log, Membership } from "../../ports/index.ts";

/** Where a node keeps them for its next start. */
interface KeptSettings {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** Opens it. */
export function openSettings(
  own: Settings,
  at: {
    readonly machine: { readonly log: Log };
    readonly node: string;
    readonly name: string;
    readonly peer: {
      readonly directory: Directory;
      readonly exchange: Exchange;
      readonly membership: Pick<Membership, "members" | "isUp">;
    };
    readonly file: KeptSettings;
  },
): { readonly control: SettingsControl; stop(): Promise<void> } {
  const { node, name, file } = at;
  const { log } = at.machine;
  const { exchange, membership } = at.peer;
  const settings = watchSettings(at.peer.directory);
  let kept = "";
  let writing: Promise<void> = Promise.resolve();

  const valuesOf = (of: string): ClusterValues => ({
    all: plainValues(settings.row()),
    node: plainValues(settings.row(of)),
  });
  function follow(): void {
    if (!settings.isKnown()) return;
    const values = valuesOf(node);
    const text = JSON.stringify(values);
    if (text === kept) return;
    kept = text;
    const { apply, restart } = own.take(values);
    const refused = own
      .view()
      .flatMap(({ key, notApplied }) => (notApplied === undefined ? [] : [{ key, notApplied }]));
    log.info("config.cluster", { apply, restart, refused: refused.map(({ key }) => key) });
    for (const one of refused) log.warn("config.cluster.refused", one);
    // One after the other: the last one is what is found at the next start.
    writing = writing.then(() =>
      file.write(text).catch((error: unknown) => log.warn("config.cluster.unkept", { error: String(error) })),
    );
  }
  settings.onChange(follow);
  follow();

  exchange.on("settings.view", () => ok({ settings: [...own.view()] }));
  exchange.on("settings.plan", (proposed) => ok({ effects: [...own.plan(proposed)] }));

  const nodes = (): readonly { readonly node: string; readonly name: string }[] => [
    { node, name },
    ...membership
      .members()
      .members.filter((one) => one.node !== node)
      .map((one) => ({ node: one.node, name: one.name })),
  ];
  /** What each of them says, in their order; of those that cannot be asked, why. */
  function each<T extends { readonly node: string }>(
    which: readonly { readonly node: string; readonly name: string }[],
    ask: (one: { readonly node: string; readonly name: string }) => Promise<T>,
    unknown: (name: string, why: string) => T,
  ): Promise<readonly T[]> {
    return Promise.all(
      which.map(async (one, index) => {
        if (index >= settingsLimits.settingsNodesMax) return unknown(one.name, "too many nodes to ask at once");
        if (one.node !== node && !membership.isUp(one.node)) return unknown(one.name, "it is down");
        return ask(one).catch((error: unknown) => unknown(one.name, failureOf(error).message));
      }),
    );
  }

  return {
    control: {
      settings,
      nodes,
      view: (only) =>
        each<NodeSettings>(
          nodes().filter((one) => only === undefined || one.node === only),
          async (one) => {
            if (one.node === node) return { node: name, settings: own.view() };
            const said = await exchange.call(one.node, "settings.view", {}, settingsLimits.settingsAskTimeoutMs);
            return said.ok
              ? { node: one.name, settings: said.value.settings }
              : { node: one.name, settings: [], unknown: said.error.message };
          },
          (of, unknown) => ({ node: of, settings: [], unknown }),
        ),
      plan(of) {
        const proposed = new Map(nodes().flatMap((one) => [[one.node, of(one.node)] as const]));
        return each<NodeEffects>(
          nodes().filter((one) => proposed.get(one.node) !== undefined),
          async (one) => {
            const values = proposed.get(one.node) ?? noClusterValues;
            if (one.node === node) return { node: name, effects: own.plan(values) };
            const body = { all: { ...values.all }, node: { ...values.node } };
            const said = await exchange.call(one.node, "settings.plan", body, settingsLimits.settingsAskTimeoutMs);
            return said.ok
              ? { node: one.name, effects: said.value.effects }
              : { node: one.name, effects: [], unknown: said.error.message };
          },
          (of2, unknown) => ({ node: of2, effects: [], unknown }),
        );
      },
    },
    async stop() {
      settings.stop();
      await writing;
    },
  };
}

/** What a node remembers of the cluster's values from its last run. What cannot be read is nothing: the directory says
 *  it again. */
export async function rememberedSettings(file: Pick<KeptSettings, "read">): Promise<ClusterValues> {
  try {
    const text = await file.read();
    const { all, node } = JSON.parse(text ?? "{}") as Partial<ClusterValues>;
    const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
      typeof value === "object" && value !== null && !Array.isArray(value);
    return { all: isTable(all) ? all : {}, node: isTable(node) ? node : {} };
  } catch {
    return noClusterValues;
  }
}
