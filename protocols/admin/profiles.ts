/** Profiles of nodes: where a node's main thread spends its time, and which of its code made what is on its heap.
 *  Bodies and answers of `/api/v1/admin/profiles`. They have names of functions and files, and nothing that those
 *  worked on. */
import type { ProfileTree } from "./profile-tree.ts";
import { Type, type Static } from "typebox";
import { nodeName } from "./cluster.ts";
import { object } from "../wire/schema.ts";

export { hottest, type HotFunction, type ProfileFrame, type ProfileTree } from "./profile-tree.ts";

/** What is looked at. */
export const profileKinds = ["cpu", "heap"] as const;
export type ProfileKind = (typeof profileKinds)[number];
export const profileSecondsMax = 60;

export const takeProfile = object({
  node: Type.Optional(nodeName),
  of: Type.Unsafe<ProfileKind>(
    Type.Union(
      profileKinds.map((kind) => Type.Literal(kind)),
      { description: "cpu: where time is spent; heap: what code made that is still there, by samples" },
    ),
  ),
  seconds: Type.Integer({ minimum: 1, maximum: profileSecondsMax, description: "How long it looks" }),
});
export type TakeProfile = Static<typeof takeProfile>;

export const profileParams = object({ id: Type.String({ pattern: "^profile\\.[0-9A-Za-z._-]{1,150}$" }) });

/** Answer of `GET /api/v1/admin/profiles/:id`. */
export interface Profile {
  readonly id: string;
  readonly of: ProfileKind;
  readonly node: string;
  readonly by: string;
  readonly begunAtMs: number;
  readonly seconds: number;
  readonly tree: ProfileTree;
}

/** The tree in V8's own format, which the developer tools of browsers open: `.cpuprofile`, `.heapprofile`. Pure. */
export function v8ProfileOf({ of, tree }: Pick<Profile, "of" | "tree">): object {
  const callFrameOf = (frame: number) => {
    const { name = "", at = "" } = tree.frames[frame] ?? {};
    const [, url = at, line = "1"] = /^(.*):(\d+)$/.exec(at) ?? [];
    return { functionName: name, scriptId: "0", url, lineNumber: Number(line) - 1, columnNumber: 0 };
  };
  const children = tree.rows.map((): number[] => []);
  const roots: number[] = [];
  for (const [at, [, parent]] of tree.rows.entries()) (parent < 0 ? roots : (children[parent] ?? [])).push(at);
  const root = { functionName: "(root)", scriptId: "0", url: "", lineNumber: -1, columnNumber: -1 };
  const idOf = (at: number): number => at + 2;
  if (of === "cpu") {
    const worked = tree.rows.flatMap(([, , self], at) => (self > 0 ? [{ at, self }] : []));
    return {
      nodes: [
        { id: 1, callFrame: root, hitCount: 0, children: roots.map(idOf) },
        ...tree.rows.map(([frame, , self], at) => ({
          id: idOf(at),
          callFrame: callFrameOf(frame),
          hitCount: self > 0 ? 1 : 0,
          children: (children[at] ?? []).map(idOf),
        })),
      ],
      startTime: 0,
      endTime: tree.total,
      samples: worked.map(({ at }) => idOf(at)),
      timeDeltas: worked.map(({ self }) => self),
    };
  }
  // Children come after their parents: from the end on each is whole when it is put into its parent.
  const made = tree.rows.map(([frame, , self], at) => ({
    id: idOf(at),
    callFrame: callFrameOf(frame),
    selfSize: self,
    children: [] as object[],
  }));
  for (let at = made.length - 1; at >= 0; at -= 1) made[tree.rows[at]?.[1] ?? -1]?.children.unshift(made[at] as object);
  return { head: { id: 1, callFrame: root, selfSize: 0, children: roots.map((at) => made[at]) }, samples: [] };
}
