/** The interface of gRPC, made from the rows of commands: `protocols/grpc/plexus.proto`, and `numbers.json`, which
 *  keeps the number that each field was once given.
 *
 *      row of a command ──params──► message RoomPost { to, operation_id, … } ──► rpc RoomService.Post, and ClientFrame.room_post
 *                       ──result──► message Posted, from the TypeScript interface of that name
 *
 *  A field keeps its number for ever. One that goes away, or gets another type, leaves its number and name reserved: an
 *  old client reads nothing wrong. What has no form in protobuf (unions of objects, values of any type) is a
 *  `google.protobuf.Value`. docs/decisions/0088-grpc.md says why it looks as it does.
 *
 *      node test/tidy/proto.ts            prints it as it should be
 *      node test/tidy/proto.ts --write    writes both files */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownKinds, clientCommands } from "../../protocols/index.ts";
import * as protocols from "../../protocols/index.ts";
import { declarationLines, declaringFiles, splitAt } from "./contract.ts";
import { adminRoutes, readOpenApi, routesText, type AdminRoute, type OpenApi } from "./grpc-routes.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "protocols/grpc");

type Label = "" | "optional" | "repeated";
interface Typed {
  readonly type: string;
  readonly label: Label;
}

/** A field, by its name in JSON. */
export interface Field extends Typed {
  readonly name: string;
  readonly says?: string;
}

/** A message. Fields of `oneof` exclude one another. */
export interface Message {
  readonly says: string;
  readonly fields: readonly Field[];
  readonly oneof?: { readonly name: string; readonly fields: readonly Field[] };
}

/** The numbers of a message's fields: `"text": "3 string"`. What is gone has `was`. */
export interface Numbers {
  readonly [message: string]: {
    readonly fields: Readonly<Record<string, string>>;
    readonly was?: Readonly<Record<string, string>>;
  };
}

type Schema = Readonly<Record<string, unknown>>;

const value: Typed = { type: "google.protobuf.Value", label: "" };
const struct: Typed = { type: "google.protobuf.Struct", label: "" };
const scalar = (type: string): Typed => ({ type, label: "" });
const isMap = ({ type }: Typed): boolean => type.startsWith("map<");
const listOf = (one: Typed): Typed => (one.label === "" && !isMap(one) ? { ...one, label: "repeated" } : value);
const mapOf = (one: Typed): Typed =>
  one.label === "" && !isMap(one) ? { type: `map<string, ${one.type}>`, label: "" } : struct;
const singular = (name: string): string => name.replace(/ies$/, "y").replace(/s$/, "");
const pascal = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** `replyTo` as protobuf writes it, `reply_to`. */
export const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Lines of declarations, as the contract has them, and the source that they are from. */
const sources = declaringFiles().map((path) => readFileSync(join(root, path), "utf8"));
const declared = sources.flatMap((text) => [...declarationLines(text)]);
const aliases = new Map(
  sources.flatMap((text) =>
    [...text.matchAll(/^export type (\w+) =\s*([^;]+);$/gm)].map(([, name = "", type = ""]) => [name, type] as const),
  ),
);
const saysOf = (name: string): string => {
  const found = sources.map((text) =>
    new RegExp(`/\\*\\* ([^\\n]*?)(?: \\*/)?\\n(?: \\*[^\\n]*\\n)*export (?:interface|type) ${name}\\b`).exec(text),
  );
  return found.find((match) => match !== null)?.[1] ?? "";
};

/** Gathers messages. */
class Messages {
  readonly all = new Map<string, Message>();

  add(name: string, make: () => Message): void {
    if (this.all.has(name)) return;
    // Its name stands before its fields are looked at: a type may name itself.
    this.all.set(name, { says: "", fields: [] });
    this.all.set(name, make());
  }

  /** The fields of an object. In a request an absent list is another than an empty one, so it has a message around
   *  it. */
  fieldsOf(schema: Schema, owner: string, isRequest: boolean): readonly Field[] {
    const required = new Set((schema["required"] as readonly string[] | undefined) ?? []);
    return Object.entries((schema["properties"] as Readonly<Record<string, Schema>> | undefined) ?? {}).map(
      ([name, inner]) => {
        const typed = this.schema(inner, `${owner}${pascal(name)}`, isRequest);
        const says = inner["description"];
        const told = typeof says === "string" ? { says } : {};
        if (required.has(name)) return { name, ...typed, ...told };
        return { name, ...this.optional(typed, isRequest), ...told };
      },
    );
  }

  optional(typed: Typed, isRequest: boolean): Typed {
    if (typed.label === "") return isMap(typed) ? typed : { ...typed, label: "optional" };
    if (!isRequest) return typed;
    const name = `${pascal(typed.type.replace(/^.*\./, ""))}List`;
    this.add(name, () => ({ says: "A list that may be absent.", fields: [{ name: "values", ...typed }] }));
    return { type: name, label: "optional" };
  }

  /** What the routes' answers call so (answers.ts). A type that a command answers with is described by its row. */
  readonly components: Readonly<Record<string, Schema>>;

  constructor(components: Readonly<Record<string, Schema>> = {}) {
    this.components = components;
  }

  referred(name: string): Typed {
    const schema = this.components[name];
    if (schema === undefined) throw new Error(`no answer describes ${name}`);
    if (this.all.has(name)) return scalar(name);
    const properties = schema["properties"] as object | undefined;
    if (
      schema["type"] !== "object" ||
      properties === undefined ||
      !Object.keys(properties).every((one) => /^[a-zA-Z]\w*$/.test(one))
    )
      return this.schema(schema, name, false);
    this.add(name, () => ({ says: saysOf(name), fields: this.fieldsOf(schema, name, false) }));
    return scalar(name);
  }

  schema(schema: Schema, hint: string, isRequest: boolean): Typed {
    if (typeof schema["$ref"] === "string") return this.referred(schema["$ref"].slice("#/components/schemas/".length));
    if (typeof schema["title"] === "string") return this.named(schema["title"]);
    if ("const" in schema)
      return scalar({ string: "string", number: "int64", boolean: "bool" }[typeof schema["const"] as "string"]);
    const choices = schema["anyOf"] as readonly Schema[] | undefined;
    if (choices !== undefined)
      return choices.every((choice) => typeof choice["const"] === "string") ? scalar("string") : value;
    switch (schema["type"]) {
      case "string":
        return scalar("string");
      case "boolean":
        return scalar("bool");
      case "integer":
        return scalar("int64");
      case "number":
        return scalar("double");
      case "array":
        return listOf(this.schema((schema["items"] ?? {}) as Schema, singular(hint), isRequest));
      case "object": {
        const patterns = Object.values((schema["patternProperties"] as Readonly<Record<string, Schema>>) ?? {});
        if (patterns.length === 1) return mapOf(this.schema(patterns[0] as Schema, hint, isRequest));
        const properties = Object.keys((schema["properties"] as object | undefined) ?? {});
        const rest = schema["additionalProperties"];
        if (properties.length === 0)
          return typeof rest === "object" && Object.keys(rest as object).length > 0
            ? mapOf(this.schema(rest as Schema, hint, isRequest))
            : struct;
        // Others may be there, or names that protobuf cannot write.
        if (typeof rest === "object" || !properties.every((one) => /^[a-zA-Z]\w*$/.test(one))) return struct;
        this.add(hint, () => ({ says: "", fields: this.fieldsOf(schema, hint, isRequest) }));
        return scalar(hint);
      }
      default:
        return value;
    }
  }

  /** What a command answers with. */
  answer(result: Schema, request: string): string {
    const isEmpty = Object.keys((result["properties"] as object | undefined) ?? {}).length === 0;
    if (
      isEmpty &&
      result["type"] === "object" &&
      result["title"] === undefined &&
      result["additionalProperties"] === undefined
    )
      return "google.protobuf.Empty";
    return this.schema(result, request.replace(/Request$/, "Answer"), false).type;
  }

  /** What TypeScript calls so. */
  named(name: string): Typed {
    if (this.all.has(name)) return scalar(name);
    const lines = declared.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
    const alias = aliases.get(name);
    if (alias === undefined) {
      if (lines.length === 0) throw new Error(`nothing in protocols/ declares ${name}`);
      this.add(name, () => ({ says: saysOf(name), fields: this.membersOf(lines, name) }));
      return scalar(name);
    }
    const schema = /^Static<typeof (\w+)>$/.exec(alias)?.[1];
    if (schema !== undefined) {
      const from = (protocols as unknown as Readonly<Record<string, Schema>>)[schema];
      return from === undefined ? value : this.schema(from, name, false);
    }
    return this.text(alias, name);
  }

  membersOf(members: readonly string[], owner: string): readonly Field[] {
    return members.flatMap((member) => {
      const base = /^extends (\w+)$/.exec(member)?.[1];
      if (base !== undefined) return this.inherited(base);
      const [, name = "", mark = "", type = ""] = /^(\w+)(\??): (.+)$/s.exec(member) ?? [];
      if (name === "") return [];
      const typed = this.text(type, `${owner}${pascal(name)}`);
      return [{ name, ...(mark === "?" ? this.optional(typed, false) : typed) }];
    });
  }

  inherited(base: string): readonly Field[] {
    const { type } = this.named(base);
    return this.all.get(type)?.fields ?? [];
  }

  /** A type as it is written. */
  text(written: string, hint: string): Typed {
    const type = written
      .replaceAll("readonly ", "")
      .replace(/^\((.*)\)$/s, "$1")
      .trim();
    const choices = splitAt(type, "|");
    if (choices.length > 1) return choices.every((choice) => /^"[^"]*"$/.test(choice)) ? scalar("string") : value;
    const parts = splitAt(type, "&");
    if (parts.length > 1) {
      this.add(hint, () => ({ says: "", fields: parts.flatMap((part) => part.startsWith("{") ? this.membersOf(splitAt(part.slice(1, -1), ";"), hint) : this.inherited(part)) })); // prettier-ignore
      return scalar(hint);
    }
    if (type.endsWith("[]")) return listOf(this.text(type.slice(0, -2), singular(hint)));
    if (type.startsWith("{")) {
      this.add(hint, () => ({ says: "", fields: this.membersOf(splitAt(type.slice(1, -1), ";"), hint) }));
      return scalar(hint);
    }
    const record = /^(?:Readonly<)?Record<string, (.+?)>{1,2}$/s.exec(type)?.[1];
    if (record !== undefined) return record === "unknown" ? struct : mapOf(this.text(record, hint));
    if (/^"[^"]*"$/.test(type) || /^\(?typeof \w+\)?\[number\]$/.test(type) || type.startsWith("keyof "))
      return scalar("string");
    const field = /^(\w+)\["(\w+)"\]$/.exec(type);
    if (field !== null) {
      const { type: of } = this.named(field[1] as string);
      return this.all.get(of)?.fields.find(({ name }) => name === field[2]) ?? value;
    }
    const local = /^Static<typeof (\w+)>$/.exec(type)?.[1];
    if (local !== undefined)
      return sources.some((text) => new RegExp(`const ${local} = Type\\.Union\\(\\[Type\\.Literal\\("`).test(text))
        ? scalar("string")
        : value;
    // Numbers of interfaces are counts, positions and times: a fraction is a schema's, which says so.
    const known: Readonly<Record<string, string>> = {
      string: "string",
      number: "int64",
      boolean: "bool",
      true: "bool",
    };
    if (known[type] !== undefined) return scalar(known[type]);
    return /^[A-Z]\w*$/.test(type) ? this.named(type) : value;
  }
}

/** A frame's fields that are not made from rows. */
const field = (name: string, type: string, says?: string, label: Label = ""): Field => ({ name, type, label, ...(says && { says }) }); // prettier-ignore

/** Messages of the wire itself. */
const wireMessages: Readonly<Record<string, Message>> = {
  Subscribe: {
    says: "Follows a topic. The answer has `head`, and without a cursor `state`; events follow.",
    fields: [
      field("to", "string", "A topic: room/KEY, agent/OWNER.NAME, user/NAME."),
      field(
        "cursor",
        "int64",
        "The last position that the client has: exactly what came after it follows.",
        "optional",
      ),
    ],
  },
  Unsubscribe: { says: "Ends that.", fields: [field("to", "string")] },
  Watch: {
    says: "From now on `activity` of those of the caller's rooms that this stream does not follow.",
    fields: [],
  },
  Ping: { says: "Is answered.", fields: [] },
  Answer: {
    says: "The answer to the frame with this id.",
    fields: [field("re", "int64")],
    oneof: { name: "result", fields: [field("ok", "google.protobuf.Struct"), field("error", "Failure")] },
  },
  Event: {
    says: "Something happened in a topic.",
    fields: [
      field("topic", "string"),
      field("at", "int64", "Durable: without a gap, once, in order. Absent: best effort, like typing and drafts.", "optional"), // prettier-ignore
      field("event", "google.protobuf.Struct", "`type` says which; docs/reference/api/README.md lists them."),
    ],
  },
  Lost: {
    says: "The topic cannot be continued here: subscribe anew.",
    fields: [field("topic", "string"), field("reason", "Failure")],
  },
  Activity: {
    says: "Something was posted in a room that this stream does not follow.",
    fields: [field("room", "string"), field("seq", "int64"), field("author", "string"), field("mentioned", "bool")],
  },
  Look: {
    says: "The people that this stream looks at from now on; the answer has those of them who are here.",
    fields: [field("people", "string", undefined, "repeated")],
  },
  Here: {
    says: "Whether the person uses this client now; unsaid: yes.",
    fields: [field("active", "bool", undefined, "optional")],
  },
  PresenceFrame: {
    says: "How people are now that this stream looks at.",
    fields: [field("people", "Presence", undefined, "repeated")],
  },
  NodeFrame: {
    says: "What a node says. The first one is `hello`; before it ends a stream it says `bye`.",
    fields: [],
    oneof: {
      name: "frame",
      fields: [
        field("hello", "Hello"),
        field("answer", "Answer"),
        field("event", "Event"),
        field("lost", "Lost"),
        field("activity", "Activity"),
        field(
          "degraded",
          "Degraded",
          "The node cannot reach what it needs, from now on; without `reason`: it does again.",
        ),
        field("bye", "Failure"),
        field("presence", "PresenceFrame"),
      ],
    },
  },
  RouteCall: {
    says: "One request to a route of docs/reference/api/README.md, as it is in HTTP: same paths, bodies, rights and errors.",
    fields: [
      field("method", "string", "GET, POST, PUT, PATCH or DELETE."),
      field("path", "string", "With its query: /api/v1/admin/cluster?x=y."),
      field("body", "google.protobuf.Value", undefined, "optional"),
      field("operationId", "string", "As the header idempotency-key.", "optional"),
    ],
  },
  RouteAnswer: {
    says: "What it answered.",
    fields: [field("status", "int64"), field("body", "google.protobuf.Value")],
  },
};

/** What a route answers with: an object, or where it is one of several things any value. */
function answerType(messages: Messages, answer: Schema, request: string): string {
  const type = messages.answer(answer, request);
  return /^(?:string|bool|int64|double|map<.*)$/.test(type) ? "google.protobuf.Value" : type;
}

/** Everything that gRPC knows. */
export function protoMessages(openApi: OpenApi): ReadonlyMap<string, Message> {
  const messages = new Messages(openApi.components.schemas);
  const frames: Field[] = [];
  for (const { kind, name, row } of clientCommands) {
    const message = `${pascal(kind)}${pascal(name)}Request`;
    const fields = messages.fieldsOf(row.params as unknown as Schema, message.replace(/Request$/, ""), true);
    if (fields.some((one) => one.name === "to" || one.name === "operationId"))
      throw new Error(`${message} names what all commands have`);
    messages.all.set(message, {
      says: `${row.summary}.${row.permission === undefined ? "" : ` Needs ${row.permission}.`}`,
      fields: [
        field("to", "string", ownKinds.has(kind) ? "Empty: the caller's own." : `The ${kind}.`),
        field("operationId", "string", "Makes the command idempotent: the first answer is given again.", "optional"),
        ...fields,
      ],
    });
    messages.answer(row.result as unknown as Schema, message);
    frames.push(field(`${kind}${pascal(name)}`, message));
  }
  for (const { name, says, request, answer } of adminRoutes(openApi)) {
    const message = `Admin${name}Request`;
    messages.all.set(message, { says, fields: messages.fieldsOf(request, `Admin${name}`, true) });
    answerType(messages, answer, message);
  }
  messages.named("Hello");
  messages.named("Failure");
  messages.named("Presence");
  for (const [name, message] of Object.entries(wireMessages)) messages.all.set(name, message);
  messages.all.set("ClientFrame", {
    says: "What a client says: a command, or something about the stream. The answer names `id`.",
    fields: [field("id", "int64")],
    oneof: {
      name: "command",
      fields: [
        field("subscribe", "Subscribe"),
        field("unsubscribe", "Unsubscribe"),
        field("watch", "Watch"),
        field("ping", "Ping"),
        ...frames,
        field("look", "Look"),
        field("here", "Here"),
      ],
    },
  });
  return new Map([...messages.all].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

const fieldsIn = ({ fields, oneof }: Message): readonly Field[] => [...fields, ...(oneof?.fields ?? [])];
/** What of a field an old client reads by: not whether it may be absent. */
const readBy = ({ type, label }: Field): string => (label === "repeated" ? `repeated ${type}` : type);

/** The numbers of all fields: those that were given before stay, new ones get the next. */
export function numbered(messages: ReadonlyMap<string, Message>, before: Numbers): Numbers {
  const result: Record<string, Numbers[string]> = {};
  for (const name of new Set([...Object.keys(before), ...messages.keys()])) {
    const old = before[name] ?? { fields: {} };
    const fields: Record<string, string> = {};
    const was: Record<string, string> = { ...old.was };
    const given = [...Object.values(old.fields), ...Object.keys(was)].map((text) => Number(text.split(" ", 1)[0]));
    let last = Math.max(0, ...given);
    const now = messages.get(name);
    for (const one of now === undefined ? [] : fieldsIn(now)) {
      const known = old.fields[one.name];
      const keeps = known !== undefined && known.slice(known.indexOf(" ") + 1) === readBy(one);
      fields[one.name] = keeps ? known : `${(last += 1)} ${readBy(one)}`;
    }
    for (const [gone, text] of Object.entries(old.fields))
      if (fields[gone] !== text) was[text.split(" ", 1)[0] as string] = gone;
    result[name] = { fields, ...(Object.keys(was).length > 0 && { was }) };
  }
  return Object.fromEntries(Object.entries(result).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** What each method answers with, by its request, as a file says it. */
export const answersIn = (proto: string): ReadonlyMap<string, string> =>
  new Map(
    [...proto.matchAll(/rpc \w+\((\w+)\) returns \((?:\.plexus\.v1\.)?([\w.]+)\)/g)].map(
      ([, request = "", answer = ""]) => [request, answer] as const,
    ),
  );

/** The numbers that were given, with those of answers that have got another name since: an old client reads the answer
 *  of a method by its numbers, whatever it is called. Errors: an answer that is another message now, which has other
 *  numbers. Pure. */
export function inherited(
  messages: ReadonlyMap<string, Message>,
  before: Numbers,
  answers: { readonly were: ReadonlyMap<string, string>; readonly are: ReadonlyMap<string, string> },
): Numbers {
  const result: Record<string, Numbers[string]> = { ...before };
  const pair = (was: string, is: string): void => {
    const [old, now] = [before[was], messages.get(is)];
    if (was === is || old === undefined || now === undefined) return;
    const types = new Map(fieldsIn(now).map(({ name, type }) => [name, type]));
    const fields = Object.entries(old.fields).map(([name, text]) => {
      const [number = "", ...words] = text.split(" ");
      const type = types.get(name);
      const isMessage = type !== undefined && messages.has(type) && before[words.at(-1) ?? ""] !== undefined;
      if (isMessage) pair(words.at(-1) as string, type);
      return [name, [number, ...words.slice(0, -1), isMessage ? type : words.at(-1)].join(" ")] as const;
    });
    const known = result[is];
    if (known === undefined) result[is] = { ...old, fields: Object.fromEntries(fields) };
    else if (fields.some(([name, text]) => types.has(name) && known.fields[name] !== text))
      throw new Error(
        `${is} has other numbers than ${was}, which was the answer before: answer with a message of its own`,
      );
  };
  for (const [request, was] of answers.were) pair(was, answers.are.get(request) ?? was);
  return result;
}

const comment = (says: string | undefined, indent = ""): string =>
  says ? `${indent}// ${says.replaceAll("\n", " ")}\n` : "";

function messageText(name: string, message: Message, { fields: numbers, was = {} }: Numbers[string]): string {
  const line = (one: Field, indent = "  "): string => {
    const plain = `${one.label === "repeated" ? "repeated " : ""}${one.type} ${snake(one.name)} = ${numbers[one.name]?.split(" ", 1)[0]};`;
    const isScalar = /^(?:string|bool|int64|double)$/.test(one.type);
    // As `optional` is on the wire: older compilers of protobuf do not take that word.
    return one.label === "optional" && isScalar
      ? `${comment(one.says, indent)}${indent}oneof _${snake(one.name)} {\n${indent}  ${plain}\n${indent}}\n`
      : `${comment(one.says, indent)}${indent}${plain}\n`;
  };
  const gone = Object.entries(was);
  // A name that is used again may not be reserved.
  const names = [...new Set(gone.map(([, of]) => of))].filter((of) => numbers[of] === undefined);
  return [
    comment(message.says),
    `message ${name} {\n`,
    gone.length > 0 ? `  reserved ${gone.map(([number]) => number).join(", ")};\n` : "",
    names.length > 0 ? `  reserved ${names.map((of) => `"${snake(of)}"`).join(", ")};\n` : "",
    ...message.fields.map((one) => line(one)),
    ...(message.oneof === undefined
      ? []
      : [`  oneof ${message.oneof.name} {\n`, ...message.oneof.fields.map((one) => line(one, "    ")), "  }\n"]),
    "}\n",
  ].join("");
}

/** The file as it should be. */
export function protoText(
  messages: ReadonlyMap<string, Message>,
  numbers: Numbers,
  routes: readonly AdminRoute[] = [],
  components: Readonly<Record<string, Schema>> = {},
): string {
  const kinds = [...new Set(clientCommands.map(({ kind }) => kind))];
  const services = kinds.map((kind) => {
    // Within a service the name of a method hides a message of that name.
    const hidden = new Set(clientCommands.filter((one) => one.kind === kind).map(({ name }) => pascal(name)));
    const typeName = (name: string): string => (hidden.has(name) ? `.plexus.v1.${name}` : name);
    const calls = clientCommands
      .filter((one) => one.kind === kind)
      .map(({ name, row }) => {
        const message = `${pascal(kind)}${pascal(name)}Request`;
        const answer = new Messages().answer(row.result as unknown as Schema, message);
        return `${comment(row.summary, "  ")}  rpc ${pascal(name)}(${message}) returns (${typeName(answer)});\n`;
      });
    return `// Commands to the kind ${kind}, one by one.\nservice ${pascal(kind)}Service {\n${calls.join("")}}\n`;
  });
  const methods = routes.map(({ name, says, answer }) => {
    const type = answerType(new Messages(components), answer, `Admin${name}Request`);
    return `${comment(says, "  ")}  rpc ${name}(Admin${name}Request) returns (${type});\n`;
  });
  return [
    "// The interface of gRPC. Written by: node test/tidy/proto.ts --write. Numbers never change: numbers.json keeps them.",
    'syntax = "proto3";',
    "package plexus.v1;",
    // In two pieces, or the rules of imports would take it for one.
    ["empty", "struct"].map((name) => `im${"port"} "google/protobuf/${name}.proto";`).join("\n"),
    "// One stream that carries all: commands and their answers, and the events of topics, each from a cursor on.\nservice StreamService {\n  rpc Connect(stream ClientFrame) returns (stream NodeFrame);\n}\n",
    "// What has no method of its own: signing in, keys, and what is new at a newer node. docs/reference/api/README.md and /openapi.json describe the routes.\nservice RouteService {\n  rpc Call(RouteCall) returns (RouteAnswer);\n}\n",
    ...services,
    ...(methods.length === 0 ? [] : [`// What admins and their programs do: the routes below /api/v1/admin, one by one, for admins and for control tokens.\nservice AdminService {\n${methods.join("")}}\n`]),
    ...[...messages].map(([name, message]) => messageText(name, message, numbers[name] as Numbers[string])),
  ].join("\n\n").replaceAll(/\n{3,}/g, "\n\n"); // prettier-ignore
}

const read = (name: string): string => {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return "";
  }
};

/** The numbers as they are kept. */
export const keptNumbers = (): Numbers => JSON.parse(read("numbers.json") || "{}") as Numbers;

/** Both files as they should be, and as they are. */
export async function protoFiles(): Promise<readonly { readonly path: string; readonly now: string; readonly kept: string }[]> {
  const openApi = await readOpenApi();
  const routes = adminRoutes(openApi);
  const messages = protoMessages(openApi);
  const { schemas } = openApi.components;
  const are = answersIn(protoText(messages, numbered(messages, {}), routes, schemas));
  const numbers = numbered(messages, inherited(messages, keptNumbers(), { were: answersIn(read("plexus.proto")), are }));
  const files = { "plexus.proto": protoText(messages, numbers, routes, schemas), "routes.json": routesText(routes), "numbers.json": `${JSON.stringify(numbers, undefined, 2)}\n` };
  return Object.entries(files).map(([name, now]) => ({ path: join(folder, name), now, kept: read(name) }));
} // prettier-ignore

if (import.meta.main) {
  const files = await protoFiles();
  if (process.argv.includes("--write")) for (const { path, now } of files) writeFileSync(path, now);
  else process.stdout.write(files[0]?.now ?? "");
}
