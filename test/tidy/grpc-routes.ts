/** The routes of admins as gRPC has them: a method of `AdminService` for each, made of the description of REST
 *  (`/openapi.json`), so that both say the same.
 *
 *      PUT /api/v1/admin/cluster/nodes/{node}/roles ──► rpc PutClusterNodesByNodeRoles(AdminPutClusterNodesByNodeRolesRequest)
 *
 *  A method has the name of its route, which never changes. What is in the path, the query and the body are the fields
 *  of one request; `protocols/grpc/routes.json` says which is where. Routes that answer with a file or a stream are
 *  none of gRPC's. */
import type { Schema } from "./answers.ts";

/** A route, and what becomes of it. */
export interface AdminRoute {
  /** Of the method. */
  readonly name: string;
  readonly method: string;
  /** Like `/api/v1/admin/tasks/{id}`. */
  readonly path: string;
  readonly says: string;
  /** The schema of all that a request has. */
  readonly request: Schema;
  readonly answer: Schema;
  readonly query: readonly string[];
  /** The fields of the body; `body`: it is one field of that name. */
  readonly body: readonly string[] | "body";
}

/** As much of the description as is needed. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
interface Operation {
  readonly summary?: string;
  readonly "x-permission"?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly description?: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content?: { readonly "application/json"?: { readonly schema?: Schema } } };
  readonly responses: Readonly<Record<string, { readonly content?: { readonly "application/json"?: { readonly schema?: Schema } } }>>;
} // prettier-ignore

const pascal = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
const word = (text: string): string => text.split("-").map(pascal).join("");

/** `GetTasksById`. */
export function methodName(method: string, path: string): string {
  const parts = path.replace(/^\/api\/v1\/admin\//, "").split("/");
  const said = parts.map((part) => (part.startsWith("{") ? `By${word(part.slice(1, -1))}` : word(part)));
  return `${word(method.toLowerCase())}${said.join("")}`;
}

/** Fields of a schema; undefined: it is another than an object with fields that are known. */
function fieldsOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const properties = schema["properties"] as Readonly<Record<string, Schema>> | undefined;
  if (schema["type"] !== "object" || schema["anyOf"] !== undefined) return undefined;
  return properties !== undefined && Object.keys(properties).every((name) => /^[a-zA-Z]\w*$/.test(name))
    ? properties
    : undefined;
}

/** The routes in a description. */
export function adminRoutes({ paths }: OpenApi): readonly AdminRoute[] {
  const routes: AdminRoute[] = [];
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      if (!path.startsWith("/api/v1/admin/") || method === "head") continue;
      const { summary = "", parameters = [], requestBody, responses } = operation;
      const answer = responses["200"]?.content?.["application/json"]?.schema;
      if (answer === undefined) continue;
      const inPath = parameters.filter((one) => one.in === "path");
      const inQuery = parameters.filter((one) => one.in === "query");
      const said = requestBody?.content?.["application/json"]?.schema;
      const inBody = said && fieldsOf(said);
      const taken = new Set([...inPath, ...inQuery].map(({ name }) => name));
      const isFlat = inBody !== undefined && Object.keys(inBody).every((name) => !taken.has(name) && name !== "body");
      const named = [...inPath, ...inQuery].map(
        (one) => [one.name, { ...one.schema, ...(one.description && { description: one.description }) }] as const,
      );
      const body = said === undefined ? [] : isFlat ? Object.keys(inBody) : ("body" as const);
      const properties = {
        ...Object.fromEntries(named),
        ...(said !== undefined && (isFlat ? inBody : { body: said })),
      };
      const required = [
        ...parameters.filter((one) => one.required === true || one.in === "path").map(({ name }) => name),
        ...(isFlat
          ? ((said?.["required"] as readonly string[] | undefined) ?? [])
          : said === undefined
            ? []
            : ["body"]),
      ];
      const needs = operation["x-permission"];
      routes.push({
        name: methodName(method, path),
        method: method.toUpperCase(),
        path,
        says: `${summary}.${needs === undefined ? "" : ` Needs ${needs}.`} ${method.toUpperCase()} ${path}`,
        request: { type: "object", properties, required },
        answer,
        query: inQuery.map(({ name }) => name),
        body,
      });
    }
  return routes.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** What a gateway with all its parts says of itself. */
export async function readOpenApi(): Promise<OpenApi> {
  // Outside of the tests nobody ends what they leave behind.
  (globalThis as { after?: unknown }).after ??= () => undefined;
  const [{ startFixture }, { everyPart }] = await Promise.all([
    import("../unit/gateway/fixture.ts"),
    import("../unit/gateway/permission-table.ts"),
  ]);
  const fixture = await startFixture(everyPart);
  try {
    return (await fixture.request("GET", "/openapi.json")).body as OpenApi;
  } finally {
    await fixture.stop();
  }
}

/** Where what of a request goes: `routes.json`, one line for each. */
export function routesText(routes: readonly AdminRoute[]): string {
  const lines = routes.map(
    ({ name, method, path, query, body }) =>
      `  ${JSON.stringify(name)}: ${JSON.stringify({ method, path, ...(query.length > 0 && { query }), ...(body.length > 0 && { body }) })}`,
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}
