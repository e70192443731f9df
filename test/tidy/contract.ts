/** The wire as a list: every message with every field, one per line, sorted by where it stands: what clients say, what
 *  nodes say to each other (`CHANNEL/MESSAGE`; `answer/`: what they are answered; `frame/`: kinds of frames below
 *  that), and what lies in the directory (`row/`). `route/`: REST routes of commands and operations, below the
 *  gateway's prefix. `protocols/CONTRACT.txt` holds the list as released; a field that went away stays there as a
 *  `RETIRED` line, because old clients and nodes still send it. What may change in a version:
 *  docs/decisions/0008-mesh.md.
 *
 *      node test/tidy/contract.ts            prints the list as it should be
 *      node test/tidy/contract.ts --write    writes it to protocols/CONTRACT.txt, the rows to docs/reference/commands.md,
 *                                          what changes nothing to client/harmless.ts */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { controlKind, introduction } from "../../node/cluster/mesh/handshake.ts";
import * as protocols from "../../protocols/index.ts";
import { meshMessages } from "../../protocols/mesh/index.ts";
import { commandsPage, harmlessCommands } from "./commands.ts";
import { blank } from "./source.ts";

const root = join(import.meta.dirname, "../..");
const contractPath = join(root, "protocols/CONTRACT.txt");

type Schema = Readonly<Record<string, unknown>>;

/** Bodies and frames, by the name they have on the wire. */
const tables: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  http: {
    credentials: protocols.credentials,
    signUp: protocols.signUp,
    createApiKey: protocols.createApiKey,
    createSignUpInvitation: protocols.createSignUpInvitation,
    releaseActor: protocols.releaseActor,
    createInvitation: protocols.createInvitation,
    setNodeRoles: protocols.setNodeRoles,
    setDraining: protocols.setDraining,
    moveTo: protocols.moveTo,
    setVoters: protocols.setVoters,
    migrateDirectory: protocols.migrateDirectory,
  },
  socket: { frame: protocols.clientFrame },
  part: {
    message: protocols.roomMessage,
    turn: protocols.conversationTurn,
    sampling: protocols.sampling,
  },
};

/** Rows of the directory, by their keys, and where they are declared. */
const rows: Readonly<Record<string, readonly [declaration: string, path: string]>> = {
  slot: ["SlotRecord", "node/ports/cluster.ts"],
  member: ["MemberRecord", "node/ports/cluster.ts"],
  invitation: ["InvitationRecord", "node/cluster/facts/records.ts"],
  policy: ["Policy", "node/cluster/facts/records.ts"],
};

/** What a row is and what follows from rows, and how schemas are checked: nothing that is on the wire. */
const notOnWire = new Set(
  [
    "authority/index",
    "authority/permissions",
    "engines/remote-adapters",
    "kinds/index",
    "wire/check",
    "wire/command",
  ].map((name) => `protocols/${name}.ts`),
);

/** The list for the sources as they are. */
export function contractLines(): readonly string[] {
  const commands = protocols.allCommands.flatMap(({ kind, name, row }) => [
    ...schemaLines(`${kind}.${name}`, row.params),
    ...schemaLines(`answer/${kind}.${name}`, row.result),
    ...(row.http ?? []).map(({ method, path }) => `route/${method} ${path}: ${kind}.${name}`),
  ]);
  const operations = protocols.allOperations.flatMap(({ name, method, path, row }) => [
    ...schemaLines(`operation/${name}`, row.params).filter((line) => !line.endsWith(" {}")),
    ...schemaLines(`operation/${name}`, row.fields ?? {}).filter((line) => !line.endsWith(" {}")),
    ...schemaLines(`answer/operation/${name}`, row.answer),
    `route/${method} ${path}: operation/${name}`,
  ]);
  const bodies = Object.entries(tables).flatMap(([group, table]) =>
    Object.entries(table).flatMap(([name, schema]) => schemaLines(`${group}.${name}`, schema as object)),
  );
  const declared = declaringFiles()
    .filter((path) => !notOnWire.has(path))
    .flatMap((path) => declarationLines(sourceOf(path)));
  return [...commands, ...operations, ...bodies, ...declared, ...nodeLines()].map(plain);
}

/** The files of `protocols/` that declare what is said on a wire, by their names, whatever folder has them. */
export function declaringFiles(): readonly string[] {
  const nameOf = (path: string): string => path.replace("/index.ts", ".ts").replace(/^.*\//, "");
  return globSync("protocols/{*.ts,{admin,authority,engines,kinds,text,wire,words}/*.ts}", { cwd: root }).toSorted(
    (one, other) => (nameOf(one) < nameOf(other) ? -1 : 1),
  );
}

/** The formatter ends the last field of a type with a semicolon where it stands in a line of its own. */
const plain = (line: string): string => line.replaceAll("; }", " }");

/** What nodes say to each other, and leave to each other in the directory. */
function nodeLines(): readonly string[] {
  const kinds = Object.entries(controlKind).map(([name, number]) => `frame/${number} ${name}`);
  const messages = Object.entries(meshMessages).flatMap(([name, { channel, schema }]) =>
    schemaLines(`${channel}/${name}`, schema),
  );
  const answered = Object.entries(meshMessages).flatMap(([name, row]) =>
    "answer" in row ? schemaLines(`answer/${name}`, row.answer) : [],
  );
  const stored = Object.entries(rows).flatMap(([key, [declaration, path]]) => {
    const lines = declarationLines(sourceOf(path)).filter((line) => line.startsWith(`${declaration} `));
    if (lines.length === 0) throw new Error(`${path} declares no ${declaration}`);
    return lines.map((line) => `row/${key}${line.slice(declaration.length)}`);
  });
  return [...kinds, ...schemaLines("handshake", introduction), ...messages, ...answered, ...stored];
}

const sourceOf = (path: string): string => readFileSync(join(root, path), "utf8");

/** A schema's fields, or one line saying that it has none; one that is no object is one line. */
export function schemaLines(name: string, schema: object): readonly string[] {
  const {
    title,
    type = "object",
    properties: fields = {},
    required = [],
  } = schema as {
    readonly title?: string;
    readonly type?: string;
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
  };
  if (title !== undefined || type !== "object") return [`${name}: ${shape(schema as Schema)}`];
  const properties = Object.entries(fields);
  if (properties.length === 0) return [`${name} {}`];
  return properties.map(([field, inner]) => `${name} ${field}${required.includes(field) ? "" : "?"}: ${shape(inner)}`);
}

function shape(schema: Schema): string {
  if (typeof schema["title"] === "string") return schema["title"];
  if (Array.isArray(schema["items"])) return `[${(schema["items"] as readonly Schema[]).map(shape).join(", ")}]`;
  if ("const" in schema) return JSON.stringify(schema["const"]);
  const choices = schema["anyOf"] as readonly Schema[] | undefined;
  if (choices !== undefined) return choices.map(shape).join(" | ");
  const bounds = ["minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern"]
    .filter((bound) => bound in schema)
    .map((bound) => `${bound} ${String(schema[bound])}`);
  const type = (schema["type"] as string | undefined) ?? "any";
  const inner =
    type === "array"
      ? `array of ${shape((schema["items"] ?? {}) as Schema)}`
      : type === "object"
        ? `{ ${schemaLines("", schema)
            .map((line) => line.trim())
            .join("; ")} }`
        : type;
  return bounds.length === 0 ? inner : `${inner} (${bounds.join(", ")})`;
}

/** Fields of exported interfaces and of exported unions of objects, from the source: types leave no trace at run
 *  time. */
export function declarationLines(text: string): readonly string[] {
  const code = blank(text, { strings: true }).replaceAll(/\breadonly |\bimport\("[^"]*"\)\./g, "");
  const found: string[] = [];
  for (const match of code.matchAll(/\bexport interface (\w+)(?:<[^>]*>)?(?: extends (\w+))? \{/g)) {
    const body = bodyAt(code, match.index + match[0].length - 1);
    if (match[2] !== undefined) found.push(`${match[1]} extends ${match[2]}`);
    for (const field of membersOf(body)) found.push(`${match[1]} ${field}`);
  }
  for (const match of code.matchAll(/\bexport type (\w+)(?:<[^>]*>)? =\s*(?=[|{])/g)) {
    const declaration = code.slice(match.index + match[0].length, endOfType(code, match.index + match[0].length));
    for (const variant of splitAt(declaration, "|")) {
      const members = variant.startsWith("{") ? membersOf(variant.slice(1, -1)) : [variant];
      const tag = members.find((member) => member.startsWith('type: "'));
      const name = tag === undefined ? match[1] : `${match[1]} ${tag.slice("type: ".length)}`;
      const fields = members.filter((member) => member !== tag);
      if (fields.length === 0) found.push(`${name} {}`);
      for (const field of fields) found.push(`${name} ${field}`);
    }
  }
  return found;
}

/** What stands between the brace at `open` and the one that closes it. */
function bodyAt(code: string, open: number): string {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === "{") depth += 1;
    if (code[at] === "}") depth -= 1;
    if (depth === 0) return code.slice(open + 1, at);
  }
  return code.slice(open + 1);
}

function endOfType(code: string, from: number): number {
  let depth = 0;
  for (let at = from; at < code.length; at += 1) {
    if (code[at] === "{") depth += 1;
    if (code[at] === "}") depth -= 1;
    if (code[at] === ";" && depth === 0) return at;
  }
  return code.length;
}

const membersOf = (body: string): readonly string[] => splitAt(body, ";");

/** Splits at a mark outside of all brackets; white space shrinks to single spaces. */
export function splitAt(text: string, mark: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    if ("{([<".includes(letter)) depth += 1;
    if ("})]>".includes(letter)) depth -= 1;
    if (letter === mark && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.replaceAll(/\s+/g, " ").trim()).filter((part) => part !== "");
}

/** The new content of the file: what is, and as RETIRED what was in `before` and is no more. */
export function contractText(lines: readonly string[], before: string): string {
  const now = new Set(lines);
  const old = before.split("\n").flatMap((line) => (line === "" || line.startsWith("#") ? [] : [plain(line)]));
  const retired = old.map((line) => line.replace(/^RETIRED /, "")).filter((line) => !now.has(line));
  const head =
    "# The wire, field by field; what may change: docs/decisions/0008-mesh.md. Written by: node test/tidy/contract.ts --write";
  return `${[head, ...lines, ...new Set(retired.map((line) => `RETIRED ${line}`))].join("\n")}\n`;
}

/** The file as it is; empty before it was first written. */
export function readContract(): string {
  try {
    return readFileSync(contractPath, "utf8");
  } catch {
    return "";
  }
}

if (import.meta.main) {
  const text = contractText(contractLines(), readContract());
  if (process.argv.includes("--write")) {
    writeFileSync(contractPath, text);
    writeFileSync(join(root, "docs/reference/commands.md"), commandsPage());
    writeFileSync(join(root, "client/harmless.ts"), harmlessCommands());
  } else process.stdout.write(text);
}
