/** What the operations on legal holds do, and those on recalls that a second admin has to agree to. */
import {
  actorId,
  backupActor,
  failure,
  heldFacts,
  PlexusError,
  wireLimits,
  type ActorId,
  type Asker,
  type BackupHold,
  type BackupHolds,
  type ClusterBackupTask,
  type ClusterView,
  type Credentials,
  type Done,
  type guardOperations,
  type HandlersOf,
  type RecallRequest,
  type RecallRequests,
  type Result,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { atMoment, factsOf } from "./recall/private-recalls.ts";

/** As many as a request names; the others cannot answer it. */
const recallApproversMax = 100;

/** What the handlers stand on. */
interface GuardParts {
  /** Asks an actor, as the gateway. */
  ask(to: ActorId, message: Message, operationId?: string): Promise<Result<unknown>>;
  newId(): string;
  nowMs(): number;
}

/** The handlers. */
export function handleGuards(at: GuardParts): HandlersOf<typeof guardOperations> {
  const ask = <Answer>(message: Message, operationId?: string) =>
    at.ask(backupActor, message, operationId) as Promise<Result<Answer>>;
  return {
    "holds.list": () => ask<BackupHolds>({ type: "holds" }),
    "holds.set": async ({ on, reason }, { said, operation }) => {
      const result = await ask<BackupHold>({ type: "hold", id: at.newId(), on, reason, ...said }, operation);
      return result.ok ? { result, after: saidBy(result.value), facts: { hold: result.value.id } } : { result };
    },
    "holds.lift": async ({ id }, { said }) => {
      const result = await ask<BackupHold>({ type: "lift", id, ...said });
      if (!result.ok) return { result };
      const { on, reason } = result.value;
      return { result, before: saidBy(result.value), facts: { ...heldFacts(on), reason } };
    },
    "recalls.list": () => ask<RecallRequests>({ type: "recalls" }),
    "recalls.ask": async ({ wish: asked, reason }, { kind, by, said, operation }) => {
      // The person who made the token could then agree as somebody else.
      if (kind === "control")
        throw new PlexusError(
          failure("FORBIDDEN", { reason: "a person asks for this, or the operator: control tokens may not" }),
        );
      const wish = atMoment(asked, Math.round(at.nowMs()));
      const approvers = (await secondAdmins(at)).filter((user) => user !== by).slice(0, recallApproversMax);
      const message = { type: "askRecall", id: at.newId(), wish, reason, approvers, ...said };
      const result = await ask<RecallRequest>(message, operation);
      // Of a request that is repeated, the moment is the one of the first.
      return { result, facts: result.ok ? { ...factsOf(result.value.wish), request: result.value.id } : factsOf(wish) };
    },
    "recalls.approve": async ({ id }, asker) => {
      if (asker.kind !== "operator") await demandOther(at, asker.by);
      return answered(await ask<RecallRequest>({ type: "answerRecall", id, approve: true, ...asker.said }), id, asker);
    },
    "recalls.decline": async ({ id }, asker) =>
      answered(await ask<RecallRequest>({ type: "answerRecall", id, approve: false, ...asker.said }), id, asker),
    "recalls.begin": async ({ id }, { said, operation }) => {
      const result = await ask<ClusterBackupTask>({ type: "beginRecall", id, ...said }, operation);
      if (!result.ok) return { result };
      const { id: task, approvedBy = "", wish } = result.value;
      return { result, facts: { task, approvedBy, ...factsOf(wish) } };
    },
  };
}

const saidBy = ({ on, reason, by }: BackupHold) => ({ on: heldFacts(on), reason, by });

/** A request that was answered. The person who asked is told as well, and may be no admin. */
function answered(result: Result<RecallRequest>, id: string, { by }: Asker): Done<RecallRequest> {
  if (!result.ok) return { result };
  const { by: asked, wish, reason } = result.value;
  const facts = { request: id, for: asked, by, ...factsOf(wish), reason };
  const people = asked === by || asked === "operator" ? [] : [asked];
  return { result, told: { facts, tell: { people, admins: true } } };
}

const secondAdmins = async (at: GuardParts): Promise<readonly string[]> =>
  (await known<ClusterView>(at, "role-manager/cluster", "describe")).secondAdmins ?? [];

async function known<Answer>(at: GuardParts, to: ActorId, type: string): Promise<Answer> {
  const answer = await at.ask(to, { type });
  if (!answer.ok) throw new PlexusError(answer.error);
  return answer.value as Answer;
}

/** Lets an admin agree who is somebody else: nobody made them an admin for it, and nobody came in as them by a link.
 *  Error: FORBIDDEN. */
async function demandOther(at: GuardParts, user: string): Promise<void> {
  const forbidden = (reason: string) => new PlexusError(failure("FORBIDDEN", { reason }));
  if (!(await secondAdmins(at)).includes(user)) throw forbidden("an admin of less than a day cannot approve a recall");
  const { linkUsedAgoMs = wireLimits.secondAdminMs } = await known<Credentials>(
    at,
    actorId("user", user),
    "credentials",
  );
  if (linkUsedAgoMs < wireLimits.secondAdminMs)
    throw forbidden("somebody signed in as you less than a day ago in a way that another person may have set up");
}
