/** Profiles of V8 as bounded trees. Pure. */
import type { ProfileFrame, ProfileTree } from "../../protocols/index.ts";
import { observeLimits } from "./limits.ts";

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** As V8's profiler gives it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[] | undefined;
  }[];
  readonly samples?: readonly number[] | undefined;
  readonly timeDeltas?: readonly number[] | undefined;
}

/** As V8's sampling heap profiler gives it. */
export interface HeapNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** A call with everything below it; calls of the same function from the same place are one. */
interface Call {
  readonly frame: ProfileFrame;
  self: number;
  total: number;
  readonly children: Map<string, Call>;
}

/** What is below `root`, without the folder: no path of a machine leaves it. */
function frameOf({ functionName, url, lineNumber }: CallFrame, folder: string): ProfileFrame {
  const path = url.startsWith("file://") ? decodeURI(url.slice("file://".length)) : url;
  const own = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
  const modules = own.lastIndexOf("node_modules/");
  // Of all other addresses only the name is shown.
  const place = modules >= 0 ? own.slice(modules) : own.startsWith("/") ? (own.split("/").at(-1) ?? "") : own;
  const cut = (text: string): string => text.slice(-observeLimits.profileFrameCharsMax);
  return {
    name: cut(functionName === "" ? "(anonymous)" : functionName),
    at: cut(place === "" ? "" : `${place}:${lineNumber + 1}`),
  };
}

const newCall = (frame: ProfileFrame): Call => ({ frame, self: 0, total: 0, children: new Map() });

function childOf(call: Call, frame: ProfileFrame): Call {
  const key = `${frame.name}|${frame.at}`;
  const child = call.children.get(key) ?? newCall(frame);
  call.children.set(key, child);
  return child;
}

const root: ProfileFrame = { name: "(root)", at: "" };

/** Where a thread spent its time. The time in which it waited is `idle`, and in no row. */
export function cpuTree({ nodes, samples = [], timeDeltas = [] }: CpuProfile, folder: string): ProfileTree {
  const selfUs = new Map<number, number>();
  for (const [at, id] of samples.entries()) selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, timeDeltas[at] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const top = newCall(root);
  let idle = 0;
  const [first] = nodes;
  const left: { readonly id: number; readonly under: Call }[] = (first?.children ?? []).map((id) => ({
    id,
    under: top,
  }));
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    const node = byId.get(one.id);
    if (node === undefined) continue;
    const own = selfUs.get(one.id) ?? 0;
    if (node.callFrame.functionName === "(idle)") {
      idle += own;
      continue;
    }
    const call = childOf(one.under, frameOf(node.callFrame, folder));
    call.self += own;
    for (const id of node.children ?? []) left.push({ id, under: call });
  }
  return { ...flat(top, "microseconds"), idle: Math.round(idle) };
}

/** Which code made what is still on the heap. */
export function heapTree(head: HeapNode, folder: string): ProfileTree {
  const top = newCall(root);
  const left = head.children.map((node) => ({ node, under: top }));
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    const call = childOf(one.under, frameOf(one.node.callFrame, folder));
    call.self += one.node.selfSize;
    for (const node of one.node.children) left.push({ node, under: call });
  }
  return flat(top, "bytes");
}

/** Rows, of which there are not more than allowed: what is smaller than a part of the whole is put together under its
 *  caller. */
function flat(top: Call, unit: ProfileTree["unit"]): ProfileTree {
  const order: Call[] = [];
  const left = [top];
  for (let call = left.pop(); call !== undefined; call = left.pop()) {
    order.push(call);
    for (const child of call.children.values()) left.push(child);
  }
  // Callers come before what they call.
  for (const call of order) call.total = call.self;
  const parents = new Map<Call, Call>();
  for (const call of order) for (const child of call.children.values()) parents.set(child, call);
  for (const call of order.toReversed()) {
    const parent = parents.get(call);
    if (parent !== undefined) parent.total += call.total;
  }
  const totals = order.map(({ total }) => total).toSorted((one, other) => other - one);
  // Half of the rows are for what was put together.
  const least = Math.max(1, totals[Math.floor(observeLimits.profileRowsMax / 2)] ?? 1);
  const frames: ProfileFrame[] = [];
  const places = new Map<string, number>();
  const placeOf = (frame: ProfileFrame): number => {
    const key = `${frame.name}|${frame.at}`;
    const known = places.get(key) ?? frames.push(frame) - 1;
    places.set(key, known);
    return known;
  };
  const rows: [number, number, number][] = [];
  const open: { readonly call: Call; readonly at: number }[] = [{ call: top, at: -1 }];
  for (let one = open.shift(); one !== undefined && rows.length < observeLimits.profileRowsMax; one = open.shift()) {
    let smaller = 0;
    for (const child of [...one.call.children.values()].toSorted((a, b) => b.total - a.total)) {
      if (child.total < least || rows.length >= observeLimits.profileRowsMax - 1) smaller += child.total;
      else open.push({ call: child, at: rows.push([placeOf(child.frame), one.at, Math.round(child.self)]) - 1 });
    }
    if (smaller > 0 && rows.length < observeLimits.profileRowsMax)
      rows.push([placeOf({ name: "(smaller ones)", at: "" }), one.at, Math.round(smaller)]);
  }
  return { unit, total: rows.reduce((sum, [, , self]) => sum + self, 0), frames, rows };
}
