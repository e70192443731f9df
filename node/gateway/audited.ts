/** What admins do leaves a line in the log of the node that was asked: `audit.cluster` with `action`, `by`, `address`,
 *  `outcome`. Who is no admin is turned away before (`http.ts`), and leaves the same. */
import type { FastifyRequest } from "fastify";
import type { Permission, Result } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** Whoever has the control token is the operator. */
export const whoIs = (request: FastifyRequest): string => request.caller?.user ?? "operator";

/** A route that changes the cluster, what the audit calls that, and who may do it. */
export const audits = (action: string, permission: Permission = "cluster.administer") =>
  ({ access: "admin", audit: action, permission }) as const;

/** Waits for what is done, writes the line, and answers with the value or the refusal. Where what is done depends on the body,
 *  the facts name the action. */
export async function audited<T>(
  log: GatewayContext["log"],
  request: FastifyRequest,
  facts: Readonly<Record<string, unknown>>,
  done: Promise<Result<T>>,
): Promise<T> {
  const result = await done;
  const { audit: action } = request.routeOptions.config;
  const outcome = result.ok ? "done" : result.error.code;
  log.info("audit.cluster", { action, by: whoIs(request), address: request.address, ...facts, outcome });
  return demand(result);
}
