/** What follows from the rows of commands in `protocols/`: `docs/reference/commands.md`, and the commands that the
 *  client library may send twice. */
import {
  allCommands,
  clientCommands,
  isForKeys,
  isForTokens,
  kinds,
  needsFresh,
  permissions,
  type Permission,
  type PermissionRow,
} from "../../protocols/index.ts";

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** A table whose columns are as wide as the formatter makes them. */
function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0), 3));
  const padded = [head, ...lines].map((line) => row(line.map((cell, column) => cell.padEnd(widths[column] ?? 0))));
  return [padded[0], row(widths.map((width) => "-".repeat(width))), ...padded.slice(1)].join("\n");
}

const code = (text: string): string => `\`${text}\``;

function commandsOf(kind: string): string {
  const lines = allCommands
    .filter((command) => command.kind === kind)
    .map(({ name, row: { from, effect, permission, http = [], params, summary } }) => [
      code(`${kind}.${name}`),
      summary,
      Object.entries(params.properties)
        .map(([field]) => (params.required?.includes(field) === true ? field : `${field}?`))
        .join(", "),
      from.join(", "),
      effect,
      permission ?? "",
      http.map(({ method, path }) => code(`${method} ${path}`)).join(", "),
    ]);
  const head = ["command", "what it does", "parameters", "from", "effect", "permission", "route"];
  return `### ${kind}\n\n${table(head, lines)}`;
}

function permissionTable(): string {
  const lines = Object.entries(permissions as Readonly<Record<string, PermissionRow>>).map(([name, permission]) => [
    code(name),
    permission.has.join(", "),
    permission.power,
    isForKeys(name as Permission) ? "yes" : "no",
    isForTokens(name as Permission) ? "yes" : "no",
    needsFresh(name as Permission) ? "yes" : "",
    permission.for,
  ]);
  return table(
    ["permission", "who has it", "power", "API keys", "control tokens", "fresh sign-in", "what it is for"],
    lines,
  );
}

/** The page. */
export const commandsPage = (): string => `# Commands

This page is written by \`node test/tidy/contract.ts --write\`. It follows from the rows in \`protocols/\`, one for each command
([decision 0021](../decisions/0021-one-row-per-command.md)).

A client sends a command by its name over the [WebSocket](api/events.md#websocket), or uses its [REST](api/rest.md#rest) route. The routes are below
\`/api/v1\`; parts of a path that begin with a colon are the actor's name or fields of the command. The fields' bounds are in
\`protocols/CONTRACT.txt\`, and in \`/openapi.json\`.

- **from**: the senders. \`client\`: a person's program. \`follower\`: a program that follows the actor's events (\`subscribe\`). The others
  are inside the cluster: an \`agent\`, any \`actor\`, the \`gateway\` that has checked a password or a code, a \`node\`.
- **effect**: a command that \`reads\` may be repeated at any time; one that \`changes\` is repeated with the same \`operationId\`; one that
  \`signals\` is seen at once or never, and need not be repeated.

## All commands

${kinds.map(commandsOf).join("\n\n")}

## Permissions

A moderator has what a member has, and an owner has what a moderator has. \`author\` is the person or agent that made the message or poll,
\`self\` the person whose account or agent it is, \`person\` everybody with an account.

${permissionTable()}
`;

/** `client/harmless.ts`. */
export const harmlessCommands =
  (): string => `/** Which commands of clients change nothing, by their rows. Written by \`node test/tidy/contract.ts --write\`. */
export const harmless = {
${clientCommands
  .filter(({ row: { effect } }) => effect !== "changes")
  .map(({ kind, name, row: { effect } }) => `  "${kind}.${name}": "${effect}",\n`)
  .join("")}} as const;
`;
