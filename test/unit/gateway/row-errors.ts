/** What rows of operations say that they may refuse, compared with what they refuse. */
import { describeRoute } from "../../../node/gateway/api-docs.ts";
import { doorOf, schemaOf } from "../../../node/gateway/rest/derive.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { allOperations, apiPrefix } from "../../../protocols/index.ts";

/** Refusals of any route: a fault, and a body that nobody reads to its end. */
const always: ReadonlySet<string> = new Set(["INTERNAL", "TOO_LARGE"]);

const rows = allOperations.map((operation) => {
  const { permission, errors = [] } = doorOf(operation.row, gatewayLimits).config;
  const described = describeRoute(schemaOf(operation) as Record<string, unknown>, { permission, errors });
  const pattern = `^${apiPrefix}${operation.path.replaceAll(/:\w+/g, "[^/]+")}(?:\\?|$)`;
  return { ...operation, pattern: new RegExp(pattern), codes: new Set(described["x-errors"] as readonly string[]) };
});

/** Why a refusal is none that its row says; undefined: it is, or no row has this route. */
export function undescribed(method: string, path: string, code: string): string | undefined {
  const row = rows.find((one) => one.method === method && one.pattern.test(path));
  if (row === undefined || row.codes.has(code) || always.has(code)) return undefined;
  return `${row.name} refuses with ${code}, which its row does not say`;
}
