import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  actorId,
  backupActor,
  failure,
  ok,
  refused,
  wireLimits,
  type ActorId,
  type Credentials,
  holdBody,
  PlexusError,
  recallAsked,
  schema,
  type BackupHold,
  type BackupHolds,
  type ClusterBackupTask,
  type ClusterView,
  type HeldThing,
  type RecallRequest,
  type RecallRequests,
  type AuditFacts,
  type Result,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { askedBy, audited, audits, changeOf, quietly, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { atMoment, factsOf } from "./private-recalls.ts";
import { demand } from "./refusals.ts";

/** As many as a request names; the others cannot answer it. */
const recallApproversMax = 100;

const named = schema.object({ id: schema.key });
type Named = { Params: Static<typeof named> };

const heldFacts = (on: HeldThing): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(on).map(([name, value]) => [name, String(value)]));

const saidBy = ({ on, reason, by }: BackupHold) => ({ on: heldFacts(on), reason, by });

/** Adds the routes under /api/v1/admin/backups for legal holds, and for recalls that a second admin has to agree to. */
export function addBackupGuards(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const tags = ["admin"];
  const seen = { access: "admin" } as const;
  const ask = async <Answer>(message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to: backupActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;
  const change = async <Answer>(
    request: FastifyRequest,
    message: Message,
    facts: Readonly<Record<string, string>>,
    differs?: (answer: Answer) => AuditFacts,
  ): Promise<Answer> => audited(at, request, facts, ask<Answer>({ ...message, ...askedBy(at, request) }), differs);

  const askFor = async <Answer>(to: ActorId, type: string): Promise<Answer> =>
    demand(await kernel.ask({ to, from: "gateway", message: { type }, timeoutMs: limits.askTimeoutMs })) as Answer;
  const secondAdmins = async (): Promise<readonly string[]> =>
    (await askFor<ClusterView>("role-manager/cluster", "describe")).secondAdmins ?? [];
  /** Whether it is somebody else who agrees: nobody made them an admin for it, and nobody came in as them by a link. */
  async function mayAgree(user: string): Promise<Result<unknown>> {
    const forbidden = (reason: string) => refused(failure("FORBIDDEN", { reason }));
    if (!(await secondAdmins()).includes(user)) return forbidden("an admin of less than a day cannot approve a recall"); // prettier-ignore
    const { linkUsedAgoMs = wireLimits.secondAdminMs } = await askFor<Credentials>(
      actorId("user", user),
      "credentials",
    );
    const isOwn = linkUsedAgoMs >= wireLimits.secondAdminMs;
    return isOwn
      ? ok({})
      : forbidden("somebody signed in as you less than a day ago in a way that another person may have set up");
  }

  app.get("/admin/backups/holds", { config: seen, schema: { summary: "The legal holds", tags } }, async () =>
    demand(await ask<BackupHolds>({ type: "holds" })),
  );

  app.post<{ Body: Static<typeof holdBody> }>(
    "/admin/backups/holds",
    {
      config: audits("setHold", "backup.hold"),
      schema: {
        summary: "Sets a legal hold: neither prune nor erasure takes away what it keeps",
        description:
          "On a snapshot of the cluster's, or on whatever snapshots contain a person's things, or an actor's.",
        tags,
        body: holdBody,
      },
    },
    async (request) => {
      const { on, reason } = request.body;
      const facts = { ...heldFacts(on), reason };
      const id = at.newId();
      return change<BackupHold>(request, { type: "hold", id, on, reason }, facts, (now) => ({
        hold: id,
        ...changeOf(undefined, saidBy(now)),
      }));
    },
  );

  app.delete<Named>(
    "/admin/backups/holds/:id",
    {
      config: audits("liftHold", "backup.hold"),
      schema: { summary: "Lifts a legal hold", tags, params: named },
    },
    async (request) => {
      const { id } = request.params;
      return change<BackupHold>(request, { type: "lift", id }, { hold: id }, (was) => ({
        ...heldFacts(was.on),
        reason: was.reason,
        ...changeOf(saidBy(was), undefined),
      }));
    },
  );

  app.get(
    "/admin/backups/requests",
    { config: seen, schema: { summary: "Recalls of private things that were asked for, the newest first", tags } },
    async () => demand(await ask<RecallRequests>({ type: "recalls" })),
  );

  app.post<{ Body: Static<typeof recallAsked> }>(
    "/admin/backups/requests",
    {
      config: audits("askRecall", "backup.recall"),
      schema: {
        summary: "Asks the other admins to agree to a recall of what others wrote in private",
        description: "They are told. One of them, who has been an admin for a day, approves it within a day, and the person who asked begins it within a day of that. Where there is no other admin, the operator approves it.", // prettier-ignore
        tags,
        body: recallAsked,
      },
    },
    async (request) => {
      // The person who made the token could then agree as somebody else.
      if (request.caller?.kind === "control")
        throw new PlexusError(
          failure("FORBIDDEN", { reason: "a person asks for this, or the operator: control tokens may not" }),
        );
      const { reason } = request.body;
      const wish = atMoment(request.body.wish, Math.round(at.clock.nowMs()));
      const by = whoIs(request);
      const approvers = (await secondAdmins()).filter((user) => user !== by).slice(0, recallApproversMax);
      const facts = { ...factsOf(wish), reason };
      const message = { type: "askRecall", id: at.newId(), wish, reason, approvers };
      return change<RecallRequest>(request, message, facts, (asked) => ({ request: asked.id }));
    },
  );

  for (const [name, approve, summary] of [
    ["approve", true, "Agrees to another admin's recall; the operator does where there is no other admin"],
    ["decline", false, "Declines a recall; the person who asked for it can withdraw it"],
  ] as const)
    app.post<Named>(
      `/admin/backups/requests/:id/${name}`,
      {
        config: audits(`${name}Recall`, "backup.approve"),
        schema: { summary, tags, params: named },
      },
      async (request) => {
        const { id } = request.params;
        const by = whoIs(request);
        if (approve && request.caller !== null) demand(await mayAgree(by));
        const done = ask<RecallRequest>({ type: "answerRecall", id, approve, ...askedBy(at, request) });
        // The person who asked is told as well, and may be no admin.
        const answered = await audited(quietly(at), request, { request: id }, done);
        const facts = { request: id, for: answered.by, by, ...factsOf(answered.wish), reason: answered.reason };
        const people = answered.by === by || answered.by === "operator" ? [] : [answered.by];
        at.changed?.(`${name}Recall`, facts, by, { people, admins: true });
        return answered;
      },
    );

  app.post<Named>(
    "/admin/backups/requests/:id/begin",
    {
      config: audits("beginRecall", "backup.recall"),
      schema: { summary: "Begins a recall that was approved; answers with the task", tags, params: named },
    },
    async (request) => {
      const { id } = request.params;
      return change<ClusterBackupTask>(request, { type: "beginRecall", id }, { request: id }, (task) => ({
        task: task.id,
        approvedBy: task.approvedBy ?? "",
        ...factsOf(task.wish),
      }));
    },
  );
}
