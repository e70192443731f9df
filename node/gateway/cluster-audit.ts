import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { roleManagerCommands, type AuditPage, type ErrorCode } from "../../protocols/index.ts";
import { askClusterMemory } from "../cluster/memory.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** Why the audit can not be read where it is kept, though copies of it may be. */
const copyCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "DIRECTORY_AWAY",
  "SLOT_UNAVAILABLE",
  "ASK_TIMEOUT",
  "PEER_LOST",
  "NOT_IN_SYNC",
]);

/** Adds the audit as the cluster's memory has it. */
export function addClusterAudit(app: FastifyInstance, at: GatewayContext): void {
  const config = { access: "admin", permission: "audit.read" } as const;
  const tags = ["admin"];

  app.get<{ Querystring: Static<typeof roleManagerCommands.auditPage.params> }>(
    "/admin/cluster/audit",
    {
      config,
      schema: {
        summary: "The audit log of the cluster, newest first",
        description:
          "`before` is the `seq` of the last entry of the page before. `copyAt`: the node with the audit log does not answer, so this comes from the copy at the node that was asked.",
        tags,
        querystring: roleManagerCommands.auditPage.params,
      },
    },
    async ({ query: asked }): Promise<AuditPage & { readonly copyAt?: string }> => {
      const answer = await askClusterMemory(at, { type: "auditPage", ...asked });
      // Reading needs nobody who decides: while who has it is away, what a copy says is more than nothing.
      const page = answer.ok || !copyCodes.has(answer.error.code) ? undefined : await at.auditCopy?.(asked);
      return page === undefined ? (demand(answer) as AuditPage) : { ...page, copyAt: at.name ?? at.node };
    },
  );
}
