/** What a grammar says of a choice, so that the engine that follows it has few ways open at once. Pure.
 *
 *  llama.cpp follows all ways that are open side by side, each over the whole vocabulary. Two objects to choose from
 *  that begin alike stay open until they differ; where one holds the other again, they double at each level. So a
 *  choice is left as it stands where its parts are told apart at once, or where the ways in all of them are few. Else
 *  they are said as one that allows what each allows, and the check at the end tells them apart. */
import { runtimeLimits } from "../limits.ts";
import type { Schema, Shape } from "../schema.ts";
import type { Steps } from "../steps.ts";

type Of<T extends Shape["type"]> = Shape & { readonly type: T };

/** What is said of a choice: each of `parts`, any of `values`, and one object or list for all of them. */
interface Choice {
  readonly parts: readonly Shape[];
  readonly values: readonly unknown[];
  /** Said as one object. */
  readonly objects: readonly Of<"object">[];
  /** Said as one list of anything. */
  readonly lists: boolean;
}

/** What one value is followed by at once where there is no choice. */
const plainWays = 4;

/** The choices of one schema. */
export class Choices {
  readonly #named: Schema["named"];
  readonly #steps: Steps;
  #ways: Map<string, number> | undefined;

  constructor(named: Schema["named"], steps: Steps) {
    this.#named = named;
    this.#steps = steps;
  }

  /** What is said of it. */
  choice(some: Of<"some">): Choice {
    const parts = this.#flat(some);
    if (parts.some((part) => this.#resolved(part).type === "any"))
      return { parts: [{ type: "any" }], values: [], objects: [], lists: false };
    const of = (type: Shape["type"]): readonly Shape[] => parts.filter((part) => this.#resolved(part).type === type);
    const objects = of("object");
    const lists = of("list");
    const together = { objects: !this.#isTame(objects), lists: !this.#isTame(lists) };
    return {
      parts: [
        ...few(of("text"), { type: "text", min: 0, max: undefined }),
        ...few(of("number"), { type: "number", whole: false, bounds: {} }),
        ...of("boolean").slice(0, 1),
        ...of("null").slice(0, 1),
        ...(together.objects ? [] : objects),
        ...(together.lists ? [] : lists),
      ],
      values: of("literal").flatMap((part) => (this.#resolved(part) as Of<"literal">).values),
      objects: together.objects ? objects.map((part) => this.#resolved(part) as Of<"object">) : [],
      lists: together.lists,
    };
  }

  #resolved(shape: Shape): Shape {
    const seen = new Set<string>();
    let at = shape;
    while (at.type === "named" && !seen.has(at.name)) {
      this.#steps.take();
      seen.add(at.name);
      at = this.#named.get(at.name) ?? { type: "any" };
    }
    return at.type === "named" ? { type: "any" } : at;
  }

  /** The parts of a choice and of the choices in it, each once. */
  #flat(some: Of<"some">): readonly Shape[] {
    const parts = new Map<Shape, Shape>();
    const seen = new Set<Shape>();
    const take = (shape: Shape): void => {
      this.#steps.take();
      const inner = this.#resolved(shape);
      if (inner.type !== "some") return void (parts.has(inner) || parts.set(inner, shape));
      if (seen.has(inner)) return;
      seen.add(inner);
      inner.of.forEach(take);
    };
    take(some);
    return [...parts.values()];
  }

  /** Whether these of a choice can stand side by side. */
  #isTame(parts: readonly Shape[]): boolean {
    if (
      parts.length < 2 ||
      areApart(
        parts.map((part) => this.#resolved(part)),
        this.#steps,
      )
    )
      return true;
    return this.#waysOfAll(parts) <= runtimeLimits.grammarChoicesMax;
  }

  #waysOfAll(parts: readonly Shape[]): number {
    this.#ways ??= this.#waysOfNamed();
    return parts.reduce((sum, part) => sum + this.#waysOf(part, this.#ways!), 0);
  }

  /** Ways that are open at once within each named shape: counted again until no count grows. One that holds itself
   *  among parts that begin alike grows beyond what is allowed. */
  #waysOfNamed(): Map<string, number> {
    const ways = new Map<string, number>();
    for (let grew = true; grew;) {
      grew = false;
      for (const [name, shape] of this.#named) {
        const now = this.#waysOf(shape, ways);
        if (now <= (ways.get(name) ?? 0)) continue;
        ways.set(name, now);
        grew = true;
      }
    }
    return ways;
  }

  #waysOf(shape: Shape, ways: ReadonlyMap<string, number>): number {
    this.#steps.take();
    const { grammarChoicesMax: max, grammarRunMax } = runtimeLimits;
    const most = (parts: readonly Shape[]): number =>
      parts.reduce((highest, part) => Math.max(highest, this.#waysOf(part, ways)), plainWays);
    switch (shape.type) {
      case "named":
        return ways.get(shape.name) ?? 0;
      case "object": {
        const { members, others } = shape;
        const inner = most([...members.map((member) => member.shape), ...(others === undefined ? [] : [others])]);
        return Math.max(Math.min(members.length, grammarRunMax) + plainWays, inner);
      }
      case "list":
        return most([...shape.first, ...(shape.items === undefined ? [] : [shape.items])]);
      case "some": {
        const apart = areApart(
          shape.of.map((part) => this.#resolved(part)),
          this.#steps,
        );
        const within = apart ? most(shape.of) : shape.of.reduce((all, part) => all + this.#waysOf(part, ways), 0);
        return Math.min(max + 1, Math.max(within, shape.of.length));
      }
      default:
        return plainWays;
    }
  }
}

/** All of them, or one for all where they are many. */
const few = (parts: readonly Shape[], all: Shape): readonly Shape[] =>
  parts.length > runtimeLimits.grammarAlikeMax ? [all] : parts;

/** Whether shapes are told apart before there is a value within one: by their first letter, or objects by their first
 *  member, which each has to have. */
function areApart(shapes: readonly Shape[], steps: Steps): boolean {
  const begun = new Set<string>();
  const take = (start: string): boolean => begun.size < begun.add(start).size;
  const keys = new Map<string, "any" | "values">();
  const objects = shapes.filter((shape) => shape.type === "object");
  const others = shapes.filter((shape) => shape.type !== "object");
  if (!others.every(({ type }) => type !== "any" && type !== "some" && type !== "named" && take(type))) return false;
  if (objects.length < 2) return true;
  return steps.charged(objects).every(({ members: [first] }) => {
    if (first === undefined || !first.required) return false;
    const kind = first.shape.type === "literal" ? "values" : "any";
    const before = keys.get(first.key);
    if (before !== undefined && (before === "any" || kind === "any")) return false;
    keys.set(first.key, kind);
    return (
      first.shape.type !== "literal" ||
      first.shape.values.every((value) => {
        const text = JSON.stringify(value);
        steps.take(text.length);
        return take(`${first.key} ${text}`);
      })
    );
  });
}
