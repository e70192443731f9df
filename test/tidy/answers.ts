/** What routes answer, as JSON Schema, made from the types of their handlers: `protocols/answers.json`. The description
 *  of the interface (`/openapi.json`) and the typed calls of gRPC (proto.ts) are made of it.
 *
 *      app.get("/admin/tasks", …, async (): Promise<AdminTasks> => …) ──compiler──► "GET /admin/tasks": { "$ref": "AdminTasks" }
 *                                                                                    "AdminTasks": { type: "object", properties: … }
 *
 *  Types leave nothing at run time, and a schema by hand beside each would say the same twice, until it does not. The
 *  compiler is asked instead: what it checked is what is described. A handler that answers with a file or a stream has
 *  null.
 *
 *      node test/tidy/answers.ts            prints it as it should be
 *      node test/tidy/answers.ts --write    writes it */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SignatureKind, TypeFlags, type Checker, type Program, type Symbol, type Type } from "typescript/unstable/sync";
import { openCompiler } from "../fixtures/compiler.ts";
import {
  isCallExpression,
  isIdentifier,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
  isTemplateExpression,
} from "typescript/unstable/ast/is";
import type { CallExpression, Node } from "typescript/unstable/ast";
import { allCommands, allOperations } from "../../protocols/index.ts";

const root = join(import.meta.dirname, "../..");
const path = join(root, "protocols/answers.json");

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

/** What the file has. A star in a route's path stands for a part of it that its code works out. */
export interface Answers {
  readonly routes: Readonly<Record<string, Schema | null>>;
  readonly schemas: Readonly<Record<string, Schema>>;
}

const verbs: ReadonlySet<string> = new Set(["get", "post", "put", "patch", "delete"]);
const reference = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** Makes schemas of types. */
class Schemas {
  readonly named = new Map<string, Schema>();
  readonly #types = new Map<string, Type>();
  readonly #checker: Checker;
  readonly #program: Program;

  constructor(checker: Checker, program: Program) {
    this.#checker = checker;
    this.#program = program;
  }

  /** The name under which a type is described once: it has one in this repository, and takes no other types. */
  #nameOf(type: Type): string | undefined {
    const alias = type.getAliasSymbol();
    const symbol = alias ?? (type.isClassOrInterface() ? type.getSymbol() : undefined);
    if (symbol === undefined || (alias !== undefined && type.getAliasTypeArguments().length > 0)) return undefined;
    const [declaration] = symbol.declarations ?? [];
    if (declaration === undefined || !/^[A-Z]\w*$/.test(symbol.name) || type.flags & TypeFlags.Primitive)
      return undefined;
    const file = declaration.path;
    if (file.includes("/node_modules/") || (!file.startsWith(root.toLowerCase()) && !file.startsWith(root)))
      return undefined;
    return symbol.name;
  }

  of(type: Type): Schema {
    const name = this.#nameOf(type);
    if (name === undefined) return this.#inline(type);
    const known = this.#types.get(name);
    if (known !== undefined && known.id !== type.id) return this.#inline(type);
    if (known === undefined) {
      this.#types.set(name, type);
      this.named.set(name, this.#inline(type));
    }
    return reference(name);
  }

  #inline(type: Type): Schema {
    const { flags } = type;
    if (flags & TypeFlags.Any || flags & TypeFlags.Unknown) return {};
    if (type.isUnionType()) return this.#union(type.getTypes());
    if (type.isLiteralType() && !type.isBigIntLiteralType()) return { const: type.value };
    if (flags & TypeFlags.BooleanLiteral) return { const: this.#checker.typeToString(type) === "true" };
    if (flags & TypeFlags.StringLike) return { type: "string" };
    if (flags & TypeFlags.NumberLike) return { type: "number" };
    if (flags & TypeFlags.BooleanLike) return { type: "boolean" };
    if (flags & TypeFlags.Null) return { type: "null" };
    if (this.#checker.isTupleType(type)) return { type: "array", items: this.#union(this.#argumentsOf(type)) };
    if (this.#checker.isArrayType(type)) {
      const [of] = this.#argumentsOf(type);
      return { type: "array", items: of === undefined ? {} : this.of(of) };
    }
    if (flags & TypeFlags.Object || flags & TypeFlags.Intersection) return this.#object(type);
    const within = this.#checker.getBaseConstraintOfType(type);
    return within === undefined || within.id === type.id ? {} : this.of(within);
  }

  #argumentsOf(type: Type): readonly Type[] {
    return this.#checker.getTypeArguments(type as never);
  }

  #union(types: readonly Type[]): Schema {
    const said = types.filter(({ flags }) => !(flags & (TypeFlags.Undefined | TypeFlags.Void | TypeFlags.Never)));
    const schemas = [
      ...new Map(said.map((one) => this.of(one)).map((schema) => [JSON.stringify(schema), schema])).values(),
    ];
    if (schemas.length === 1) return schemas[0] as Schema;
    if (schemas.some((schema) => Object.keys(schema).length === 0)) return {};
    const values = schemas.filter((schema) => "const" in schema).map((schema) => schema["const"]);
    const rest = schemas.filter((schema) => !("const" in schema));
    const both = values.includes(true) && values.includes(false);
    const words = values
      .filter((value) => !both || typeof value !== "boolean")
      .toSorted((one, other) => (String(one) < String(other) ? -1 : 1));
    const sorts = [...new Set(words.map((value) => typeof value))];
    const all = [
      ...(both ? [{ type: "boolean" }] : []),
      ...(words.length === 0
        ? []
        : [words.length === 1 ? { const: words[0] } : { ...(sorts.length === 1 && { type: sorts[0] }), enum: words }]),
      ...rest,
    ];
    return all.length === 1 ? (all[0] as Schema) : { anyOf: all };
  }

  #object(type: Type): Schema {
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const { name } = property;
      if (name.startsWith("__@")) continue;
      const of = this.#checker.getTypeOfSymbol(property);
      if (of === undefined || of.flags & TypeFlags.Never || (of.flags & TypeFlags.Undefined) !== 0) continue;
      if (this.#checker.getSignaturesOfType(of, SignatureKind.Call).length > 0) continue;
      const schema = this.of(of);
      const says = this.#says(property);
      properties[name] = { ...schema, ...(says !== "" && { description: says }) };
      const mayBeAbsent =
        isOptional(property) || (of.isUnionType() && of.getTypes().some(({ flags }) => flags & TypeFlags.Undefined));
      if (!mayBeAbsent) required.push(name);
    }
    const [index] = this.#checker.getIndexInfosOfType(type);
    return {
      type: "object",
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(required.length > 0 && { required: required.toSorted() }),
      ...(index !== undefined && { additionalProperties: this.of(index.valueType) }),
    };
  }

  #says(symbol: Symbol): string {
    return this.#checker.getDocumentationCommentOfSymbol(symbol).replaceAll(/\s+/g, " ").trim();
  }

  /** What a handler answers; null: a file, a stream, or a redirection. */
  answered(handler: Node): Schema | null {
    const type = this.#checker.getTypeAtLocation(handler);
    const [signature] = type === undefined ? [] : this.#checker.getSignaturesOfType(type, SignatureKind.Call);
    const returned = signature && this.#checker.getReturnTypeOfSignature(signature);
    if (returned === undefined) return null;
    const parts = returned.isUnionType() ? returned.getTypes() : [returned];
    const values = parts.flatMap((part) => (part.getSymbol()?.name === "Promise" ? this.#argumentsOf(part) : [part]));
    const sent = values.filter(
      (one) => one.getSymbol()?.name !== "FastifyReply" && !(one.flags & (TypeFlags.Never | TypeFlags.Void)),
    );
    if (sent.length === 0) return null;
    return sent.length === 1 ? this.of(sent[0] as Type) : this.#union(sent);
  }

  /** An exported type of `protocols/`, by its name. */
  exported(name: string): boolean {
    if (this.named.has(name)) return true;
    const module = this.#program.getSourceFile(join(root, "protocols/index.ts"));
    const symbol = module && this.#checker.getSymbolAtLocation(module);
    const found = symbol && this.#checker.getExportsOfModule(symbol).find((one) => one.name === name);
    if (found === undefined) return false;
    const type = this.#checker.getDeclaredTypeOfSymbol(
      found.flags & aliasFlag ? this.#checker.getAliasedSymbol(found) : found,
    );
    if (!this.named.has(name)) this.named.set(name, {});
    this.#types.set(name, type);
    this.named.set(name, this.#inline(type));
    return true;
  }
}

/** `SymbolFlags.Optional` and `SymbolFlags.Alias`, which the compiler's own names for are not exported as values
 *  everywhere. */
const optionalFlag = 1 << 24;
const aliasFlag = 1 << 21;
const isOptional = ({ flags }: Symbol): boolean => (flags & optionalFlag) !== 0;

/** The path of a route as its code writes it, with a star for what is worked out; undefined: all of it is. */
function writtenPath(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (isTemplateExpression(node))
    return [node.head.text, ...node.templateSpans.map((span) => `*${span.literal.text}`)].join("");
  return undefined;
}

const isFile = ({ expression }: CallExpression): boolean =>
  isIdentifier(expression) && /^add(?:File|Kept)$/.test(expression.text);

/** The route that a call adds: `app.get("/path", …)`, `addPlain(…, "GET /path", …)` or `addFile(app,
 *  "/path", …)`. */
function writtenRoute(call: CallExpression): string | undefined {
  const { expression, arguments: given } = call;
  if (isFile(call)) return `GET ${writtenPath(given[1])}`;
  if (isIdentifier(expression) && expression.text === "addPlain") return writtenPath(given[1]);
  if (!isPropertyAccessExpression(expression) || !isIdentifier(expression.expression)) return undefined;
  const verb = expression.name.text;
  const path = verbs.has(verb) && given.length > 1 ? writtenPath(given[0]) : undefined;
  return path?.startsWith("/") === true ? `${verb.toUpperCase()} ${path}` : undefined;
}

/** The types that a schema names, in it or below. */
function titlesIn(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { title } = schema as { readonly title?: unknown };
  return [...(typeof title === "string" ? [title] : []), ...Object.values(schema).flatMap(titlesIn)];
}

const sorted = <T>(entries: Iterable<readonly [string, T]>): Record<string, T> =>
  Object.fromEntries([...entries].toSorted(([one], [other]) => (one < other ? -1 : 1)));

/** The file as it should be. */
export function readAnswers(): Answers {
  const api = openCompiler(root);
  try {
    const [project] = api.updateSnapshot({ openProjects: [join(import.meta.dirname, "answers.tsconfig.json")] }).getProjects();
    if (project === undefined) throw new Error("the compiler opens no project");
    const { checker, program } = project;
    const schemas = new Schemas(checker, program);
    const routes = new Map<string, Schema | null>();
    const files = program.getSourceFileNames().filter((name) => name.includes("/node/gateway/")).toSorted();
    for (const name of files) {
      const file = program.getSourceFile(name);
      const walk = (node: Node): undefined => {
        const route = isCallExpression(node) ? writtenRoute(node) : undefined;
        if (route !== undefined) {
          const call = node as CallExpression;
          routes.set(route, isFile(call) ? null : schemas.answered(call.arguments.at(-1) as Node));
        }
        node.forEachChild(walk);
        return undefined;
      };
      file?.forEachChild(walk);
    }
    for (const { row } of allCommands) for (const title of titlesIn(row.result)) schemas.exported(title);
    for (const { row } of allOperations) for (const title of titlesIn(row.answer)) schemas.exported(title);
    return { routes: sorted(routes), schemas: sorted(schemas.named) };
  } finally {
    api.close();
  }
} // prettier-ignore

/** One line for each, so that a change is read as one. */
export function answersText({ routes, schemas }: Answers): string {
  const lines = (all: Readonly<Record<string, unknown>>): string =>
    Object.entries(all)
      .map(([name, of]) => `    ${JSON.stringify(name)}: ${JSON.stringify(of)}`)
      .join(",\n");
  return `{\n  "routes": {\n${lines(routes)}\n  },\n  "schemas": {\n${lines(schemas)}\n  }\n}\n`;
}

/** The file as it is. */
export const keptAnswers = (): string => readFileSync(path, "utf8");

if (import.meta.main) {
  const text = answersText(readAnswers());
  if (process.argv.includes("--write")) writeFileSync(path, text);
  else process.stdout.write(text);
}
