/** What the operations on playbooks do: what is done by itself when there is an alert. The address of a page is often a
 *  secret: it is written and never read, and neither the audit nor anybody who looks gets more than its host. Of a
 *  mail's address the audit has the domain. */
import type { Static } from "typebox";
import {
  failure,
  ok,
  playbookActs,
  refused,
  sameJson,
  sealedPageText,
  watchActor,
  type ActorId,
  type Asker,
  type Failure,
  type HandlersOf,
  type KeptPlaybook,
  type Playbook,
  type PlaybookBody,
  type playbookMode,
  type playbookOperations,
  type PlaybookRuns,
  type Result,
  type RoleTable,
  type setPlaybookBody,
  type ShownAct,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { Random } from "../ports/index.ts";

/** What the handlers need. */
interface Parts {
  readonly ask: (to: ActorId, message: Message) => Promise<Result<unknown>>;
  readonly random: Pick<Random, "bytes">;
  /** What each role grants now. */
  readonly table: () => RoleTable;
  /** Whether the cluster sends mail. */
  readonly sendsMail: () => boolean;
  /** Seals the address of a page, and the secret with which it is signed. Absent: this node keeps no secrets. */
  readonly seal?: ((text: string, context: readonly string[]) => Promise<string>) | undefined;
}

type WantedAct = PlaybookBody["acts"][number];
type KeptAct = Playbook["acts"][number];

/** Roles that every person has. A playbook sends no mail to all people. */
const rolesOfMany: ReadonlySet<string> = new Set(["member", "guest"]);

/** An act as it is shown; `whole`: with the address of a mail, not its domain alone. */
function shownAct(act: KeptAct, whole: boolean): ShownAct {
  if (act.do === "page") return { do: act.do, host: act.host };
  if (act.do !== "mail") return { do: act.do };
  if ("role" in act) return { do: act.do, role: act.role };
  return { do: act.do, to: whole ? act.to : act.to.slice(act.to.lastIndexOf("@")) };
}

/** The same text for acts that look alike. */
const textOf = (acts: readonly ShownAct[]): string =>
  JSON.stringify(acts.map(({ do: what, host, to, role }) => [what, host, to, role]));

const withActs = ({ acts, ...playbook }: Playbook, whole: boolean) => ({
  ...playbook,
  acts: acts.map((act) => shownAct(act, whole)),
});

const keptOf = ({ note, when, acts }: Playbook): KeptPlaybook => ({ ...(note !== undefined && { note }), when, acts });

/** A playbook as people with the permission to set it may see it. */
const settingsOf = (playbook: Playbook) => ({
  ...keptOf(playbook),
  acts: playbook.acts.map((act) => shownAct(act, true)),
});

/** What a change rests on, as it is kept: the actor compares it again, and alone decides whether somebody came
 *  between. Error: CHANGED_MEANWHILE. */
function restingOn(
  { seen, ...wanted }: Static<typeof setPlaybookBody>,
  before: Playbook | undefined,
): Result<{ readonly seen?: KeptPlaybook | null }> {
  if (seen === undefined) return ok({});
  const now = before === undefined ? null : settingsOf(before);
  if (!sameJson(seen, now)) {
    // It is there already, or it is refused: the actor says which. An address of a page is sealed anew each time, so
    // nobody can say that it is the one that is there.
    return sameJson(wanted, now) ? ok({ seen: null }) : refused(failure("CHANGED_MEANWHILE", { now }));
  }
  return ok({ seen: before === undefined ? null : keptOf(before) });
}

const badAct = (index: number, problem: string) => refused(failure("BAD_REQUEST", { path: `/acts/${index}`, problem }));

/** A playbook in the audit. */
const notedOf = (playbook: Playbook | undefined): object | undefined =>
  playbook && {
    mode: playbook.mode,
    when: JSON.stringify(playbook.when),
    acts: JSON.stringify(playbook.acts.map((act) => shownAct(act, false))),
  };

/** The handlers. */
export function handlePlaybooks(at: Parts): HandlersOf<typeof playbookOperations> {
  const askWatch = <Answer>(message: Message) => at.ask(watchActor, message) as Promise<Result<Answer>>;
  const askAll = () => askWatch<{ readonly playbooks: readonly Playbook[] }>({ type: "playbooks" });
  const askOne = async (name: string): Promise<Result<Playbook | undefined>> => {
    const all = await askAll();
    return all.ok ? ok(all.value.playbooks.find((one) => one.name === name)) : all;
  };
  return {
    "playbooks.list": async (_, asker) => {
      const all = await askAll();
      if (!all.ok) return all;
      return ok({ playbooks: all.value.playbooks.map((one) => shownTo(asker, one)), acts: playbookActs });
    },
    "playbooks.runs": (query) => askWatch<PlaybookRuns>({ type: "runs", ...query }),
    "playbooks.set": async ({ playbook: name, ...wanted }, asker) => {
      const known = await askOne(name);
      if (!known.ok) return { result: known };
      const before = known.value;
      const rests = restingOn(wanted, before);
      if (!rests.ok) return { result: rests };
      const secret = Buffer.from(at.random.bytes(32)).toString("base64url");
      const { seen: _, ...body } = wanted;
      const acts = await keptActs(at, body.acts, { name, secret, before });
      if (!acts.ok) return { result: acts };
      const playbook = { ...body, acts: acts.value };
      const set = await askWatch<Playbook>({ type: "setPlaybook", name, playbook, ...rests.value, ...asker.said });
      if (!set.ok) return { result: set };
      const isSigned = body.acts.some((act) => act.do === "page" && "url" in act);
      const result = ok({ ...shownTo(asker, set.value), ...(isSigned && { secret }) });
      return { result, before: notedOf(before), after: notedOf(set.value) };
    },
    "playbooks.switch": async ({ playbook: name, ...wanted }, asker) => {
      const { mode } = wanted;
      const known = await askOne(name);
      if (!known.ok) return { result: known };
      const acts = known.value?.acts ?? [];
      const reason = mode === "on" ? refusalOf(at, asker, wanted.acts, acts) : undefined;
      if (reason !== undefined) return { result: refused(reason) };
      const set = await askWatch<Playbook>({ type: "switchPlaybook", name, mode, acts, ...asker.said });
      if (!set.ok) return { result: set };
      const before = { mode: known.value?.mode };
      return { result: ok(shownTo(asker, set.value)), before, after: { mode: set.value.mode } };
    },
    "playbooks.remove": async ({ playbook: name }, asker) => {
      const { shown } = asker.said;
      const removed = await askWatch<Playbook>({ type: "removePlaybook", name, ...(shown && { shown }) });
      if (!removed.ok) return { result: removed };
      return { result: ok(shownTo(asker, removed.value)), before: notedOf(removed.value) };
    },
  };
}

/** A playbook as the asker may see it. */
const shownTo = (asker: Asker, playbook: Playbook) => withActs(playbook, asker.may("alerts.manage") === undefined);

interface Kept {
  readonly name: string;
  readonly secret: string;
  readonly before: Playbook | undefined;
}

/** Acts as they are kept. Errors: BAD_REQUEST, MAIL_OFF, NOT_FOUND. */
async function keptActs(at: Parts, acts: readonly WantedAct[], of: Kept): Promise<Result<readonly KeptAct[]>> {
  const all: KeptAct[] = [];
  for (const [index, act] of acts.entries()) {
    const kept = await keptAct(at, act, { ...of, index });
    if (!kept.ok) return kept;
    all.push(kept.value);
  }
  return ok(all);
}

async function keptAct(
  at: Parts,
  act: WantedAct,
  { index, name, secret, before }: Kept & { readonly index: number },
): Promise<Result<KeptAct>> {
  if (act.do === "mail") {
    if (!at.sendsMail()) return refused(failure("MAIL_OFF"));
    if (!("role" in act)) return ok(act);
    if (rolesOfMany.has(act.role))
      return badAct(index, `everybody may have the role ${act.role}: name another one, or an address`);
    return at.table().has(act.role) ? ok(act) : badAct(index, `there is no role ${act.role}`);
  }
  if (act.do !== "page") return ok(act);
  if ("host" in act) {
    const kept = before?.acts.find((one) => one.do === "page" && one.host === act.host);
    if (kept !== undefined) return ok(kept);
    return badAct(index, `the playbook has no page to ${act.host} yet: give its whole url`);
  }
  if (!URL.canParse(act.url)) return badAct(index, "this is not a URL");
  if (at.seal === undefined) return refused(failure("NOT_FOUND", { reason: "this node keeps no secrets" }));
  const sealed = await at.seal(sealedPageText({ url: act.url, secret }), ["playbook", name]);
  return ok({ do: act.do, host: new URL(act.url).host, sealed });
}

/** Why a playbook is not switched on: somebody has changed it since it was seen, the admin who switches it on may not
 *  do by hand what it does, or it could not do it. */
function refusalOf(
  at: Parts,
  asker: Asker,
  was: Static<typeof playbookMode>["acts"],
  acts: Playbook["acts"],
): Failure | undefined {
  const is = (whole: boolean): boolean => textOf(was ?? []) === textOf(acts.map((act) => shownAct(act, whole)));
  if (was !== undefined && !is(true) && !is(false))
    return failure("ALREADY_DONE", { reason: "somebody changed it in the meantime; look at it again" });
  for (const act of acts) {
    const reason = asker.may(playbookActs[act.do].needs);
    if (reason !== undefined) return reason;
  }
  return acts.some((act) => act.do === "mail") && !at.sendsMail() ? failure("MAIL_OFF") : undefined;
}
