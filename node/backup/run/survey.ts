/** What a snapshot refers to, and whether it is there: asked before a run trusts it, and again before a head is
 *  committed that leads to it.
 *
 *      tree ─► stripes ─┬─ a check called it lost ────────────► read ─┬─► lost: stored again, from what lives
 *                       └─ holders: have you got your shards? ─ no ─► ┘   away: its holders do not answer, wait
 *                                            └─ enough: it is there
 *
 *  Few questions, and no shard is read but of what is in doubt. Decision 0120. */
import { failureOf, type Failure, type StripeRef } from "../../../protocols/index.ts";
import type { NodeLink, Snapshot, TreeNode } from "../../../runtimes/backup/index.ts";
import { isGone, type BackupPorts } from "../ports.ts";
import type { Repository } from "../repository.ts";
import { markStripes } from "../format/marking.ts";
import type { TreeNodes } from "../format/tree.ts";

/** What a look at some snapshots found. */
export interface Survey {
  /** Stripes that cannot be read any more. */
  readonly lost: ReadonlySet<string>;
  /** Stripes that cannot be read now: too few of their holders answer. */
  readonly away: ReadonlySet<string>;
  /** Something that leads to units, or says how far slots were read, is among the lost: which units there were nobody
   *  knows. */
  readonly isTorn: boolean;
}

/** Nothing is wrong. */
export const allWell: Survey = { lost: new Set(), away: new Set(), isTorn: false };

/** Where a tree begins, and what says how far its slots were read. */
type Rooted = Pick<Snapshot, "root" | "cursors">;

export interface SurveyOptions {
  readonly signal: AbortSignal;
  readonly pace: (bytes: number) => Promise<void>;
}

/** Looks whether all that some snapshots refer to is there. Errors: CANCELLED. */
export async function surveyStripes(
  ports: Pick<BackupPorts, "stripes" | "heads" | "limits">,
  repository: Repository,
  snapshots: readonly Rooted[],
  { signal, pace }: SurveyOptions,
): Promise<Survey> {
  const lost = new Set<string>();
  const away = new Set<string>();
  const leading = new Set(snapshots.map(({ cursors }) => cursors.stripe.id));
  const stripes = await markStripes(repository, snapshots, {
    signal,
    async node() {
      await pace(0);
    },
    lost({ stripe }, error) {
      leading.add(stripe.id);
      (isGone(failureOf(error)) ? lost : away).add(stripe.id);
    },
  });
  const unread = [...stripes.values()].filter(({ id }) => !lost.has(id) && !away.has(id)) as StripeRef[];
  const suspects = new Set((await ports.heads.losses?.read())?.stripes);
  for (let at = 0; at < unread.length; at += ports.limits.stripesAsked) {
    signal.throwIfAborted();
    for (const { id, error } of await unreadable(ports, unread.slice(at, at + ports.limits.stripesAsked), suspects))
      (isGone(error) ? lost : away).add(id);
    await pace(0);
  }
  return { lost, away, isTorn: [...leading].some((id) => lost.has(id)) };
}

/** Those of some stripes that cannot be read. */
async function unreadable(
  { stripes }: Pick<BackupPorts, "stripes">,
  some: readonly StripeRef[],
  suspects: ReadonlySet<string>,
): Promise<readonly { readonly id: string; readonly error: Failure }[]> {
  const standing = await standingOf(stripes, some);
  const found: { id: string; error: Failure }[] = [];
  for (const stripe of some) {
    if (standing.has(stripe.id) && !suspects.has(stripe.id)) continue;
    // A reader also asks who had a holder before.
    const read = await stripes.read(stripe);
    if (!read.ok) found.push({ id: stripe.id, error: read.error });
  }
  return found;
}

/** Those that are there, as far as a question says. */
async function standingOf(stripes: BackupPorts["stripes"], some: readonly StripeRef[]): Promise<ReadonlySet<string>> {
  if (stripes.standing !== undefined) return stripes.standing(some);
  const there = new Set<string>();
  for (const stripe of some) {
    const health = await stripes.inspect(stripe);
    if (health.ok && health.value.well >= health.value.enough) there.add(stripe.id);
  }
  return there;
}

/** The nodes of a tree of which some cannot be read any more: these have nothing in them. For callers that only
 *  read. */
export const tornNodes = ({ load }: Pick<TreeNodes, "load">): Pick<TreeNodes, "load"> => ({
  async load(link: NodeLink): Promise<TreeNode> {
    try {
      return await load(link);
    } catch (error) {
      if (isGone(failureOf(error))) return { level: 0, units: [] };
      throw error;
    }
  },
});

/** How many units of each snapshot cannot be brought back when these stripes cannot be read. Each node is looked at
 *  once. */
export async function lostUnitsOf(
  nodes: Pick<TreeNodes, "load">,
  snapshots: readonly Snapshot[],
  lost: ReadonlySet<string>,
): Promise<ReadonlyMap<number, number>> {
  const below = new Map<string, number>();
  const count = async (link: NodeLink, units: number): Promise<number> => {
    const known = below.get(link.stripe.id);
    if (known !== undefined) return known;
    const node = lost.has(link.stripe.id) ? undefined : await nodes.load(link).catch(() => undefined);
    let sum = 0;
    if (node === undefined) sum = units;
    else if ("units" in node) sum = node.units.filter((unit) => isLostUnit(unit, lost)).length;
    else for (const child of node.children) sum += await count(child.link, child.units);
    below.set(link.stripe.id, sum);
    return sum;
  };
  const all = new Map<number, number>();
  for (const { number, root, cursors, units } of snapshots) {
    const sum = lost.size === 0 || root === null ? 0 : await count(root, units);
    // Without its cursors nothing is restored of it.
    all.set(number, lost.has(cursors.stripe.id) ? Math.max(1, sum) : sum);
  }
  return all;
}

/** Whether a unit lies in a stripe that cannot be read. */
export const isLostUnit = (
  { fragments }: { readonly fragments: readonly { readonly stripe: { readonly id: string } }[] },
  lost: ReadonlySet<string>,
): boolean => fragments.some(({ stripe }) => lost.has(stripe.id));
