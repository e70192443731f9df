/** Playbooks, for admins: what is done by itself when there is an alert. The address of a page is often a secret: it is
 *  written and never read, and neither the audit nor anybody who looks gets more than its host. Of a mail's address the
 *  audit has the domain. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import type { Message } from "../../actors/behavior.ts";
import {
  alertId,
  failure,
  ok,
  playbookActs,
  playbookMode,
  refused,
  sameJson,
  schema,
  sealedPageText,
  setPlaybookBody,
  watchActor,
  type Failure,
  type KeptPlaybook,
  type Playbook,
  type PlaybookBody,
  type PlaybookRun,
  type Result,
  type ShownAct,
} from "../../protocols/index.ts";
import { askedBy, audited, audits, changeOf } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./edge/refusals.ts";
import { shownBy } from "./identity/rights.ts";

const playbookParams = schema.object({ playbook: schema.key });
const runsQuery = schema.object({ before: Type.Optional(alertId), limit: Type.Optional(schema.limit) });

type WantedAct = PlaybookBody["acts"][number];
type KeptAct = Playbook["acts"][number];

/** Everybody has these: a mail to all of them is none that a playbook sends. */
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

/** What is set of it, as those may see it who may set it. */
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

/** Adds the routes under /api/v1/admin/playbooks. */
export function addPlaybookRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const tags = ["admin"];
  const seen = { access: "admin", permission: "alerts.read" } as const;
  const ask = async <Answer>(message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to: watchActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;
  const askAll = () => ask<{ readonly playbooks: readonly Playbook[] }>({ type: "playbooks" });
  const askOne = async (name: string): Promise<Result<Playbook | undefined>> => {
    const all = await askAll();
    return all.ok ? ok(all.value.playbooks.find((one) => one.name === name)) : all;
  };
  const shown = ({ caller, address }: FastifyRequest, playbook: Playbook) =>
    withActs(playbook, caller === null || at.rights.refusal(caller, "alerts.manage", address) === undefined);

  app.get(
    "/admin/playbooks",
    {
      config: seen,
      schema: {
        summary: "The playbooks: what is done by itself when there is an alert",
        description: "Of the address of a page only the host is shown.",
        tags,
      },
    },
    async (request) => {
      const { playbooks } = demand(await askAll());
      return { playbooks: playbooks.map((one) => shown(request, one)), acts: playbookActs };
    },
  );
  app.get<{ Querystring: Static<typeof runsQuery> }>(
    "/admin/playbooks/runs",
    {
      config: seen,
      schema: { summary: "A page of what playbooks did, or would have done, the newest first", tags, querystring: runsQuery }, // prettier-ignore
    },
    async ({ query }) => demand(await ask<{ readonly runs: readonly PlaybookRun[] }>({ type: "runs", ...query })),
  );

  /** An act as it is kept. */
  async function keptAct(act: WantedAct, at_: { readonly index: number; readonly name: string; readonly secret: string; readonly before: Playbook | undefined }): Promise<Result<KeptAct>> {
    const { index, name, secret, before } = at_;
    if (act.do === "mail") {
      if (at.mail?.settings.isSet() !== true) return refused(failure("MAIL_OFF"));
      if (!("role" in act)) return ok(act);
      if (rolesOfMany.has(act.role)) return badAct(index, `everybody may have the role ${act.role}: name another one, or an address`);
      return at.rights.table().has(act.role) ? ok(act) : badAct(index, `there is no role ${act.role}`);
    }
    if (act.do !== "page") return ok(act);
    if ("host" in act) {
      const kept = before?.acts.find((one) => one.do === "page" && one.host === act.host);
      return kept === undefined ? badAct(index, `the playbook has no page to ${act.host} yet: give its whole url`) : ok(kept);
    }
    if (!URL.canParse(act.url)) return badAct(index, "this is not a URL");
    if (at.secrets === undefined) return refused(failure("NOT_FOUND", { reason: "this node keeps no secrets" }));
    const sealed = await at.secrets.seal(sealedPageText({ url: act.url, secret }), ["playbook", name]);
    return ok({ do: act.do, host: new URL(act.url).host, sealed });
  } // prettier-ignore

  app.put<{ Params: Static<typeof playbookParams>; Body: Static<typeof setPlaybookBody> }>(
    "/admin/playbooks/:playbook",
    {
      config: audits("setPlaybook", "alerts.manage"),
      schema: {
        summary: "Makes a playbook, or changes it; it only rehearses until it is switched on",
        description:
          "`secret` is in the answer where an act is a page with a `url`: with it the pages are signed (`x-plexus-signature: v1=HMAC-SHA256(secret, x-plexus-time + '.' + body)`), and it is shown this once. The `url` is never shown again; a page with its `host` alone keeps url and secret that the playbook has there. A mail goes to an address (`to`) or to everybody with a `role`.",
        tags,
        params: playbookParams,
        body: setPlaybookBody,
      },
    },
    async (request) => {
      const { playbook: name } = request.params;
      const { seen: _, ...body } = request.body;
      const secret = Buffer.from(at.random.bytes(32)).toString("base64url");
      let before: Playbook | undefined;
      const set = async (): Promise<Result<Playbook>> => {
        const known = await askOne(name);
        if (!known.ok) return known;
        before = known.value;
        const rests = restingOn(request.body, before);
        if (!rests.ok) return rests;
        const acts: KeptAct[] = [];
        for (const [index, act] of body.acts.entries()) {
          const kept = await keptAct(act, { index, name, secret, before });
          if (!kept.ok) return kept;
          acts.push(kept.value);
        }
        return ask({ type: "setPlaybook", name, playbook: { ...body, acts }, ...rests.value, ...askedBy(at, request) });
      };
      const playbook = await audited(at, request, { playbook: name }, set(), (now) =>
        changeOf(notedOf(before), notedOf(now)),
      );
      const isSigned = body.acts.some((act) => act.do === "page" && "url" in act);
      return { ...shown(request, playbook), ...(isSigned && { secret }) };
    },
  );
  app.post<{ Params: Static<typeof playbookParams>; Body: Static<typeof playbookMode> }>(
    "/admin/playbooks/:playbook/mode",
    {
      config: audits("setPlaybook", "playbooks.manage"),
      schema: {
        summary: "Switches a playbook on, or back to rehearsals",
        description:
          "The person who switches it on must be allowed to do the same acts by hand. `acts` are those that were seen: where they are others by now, it is refused with ALREADY_DONE and nothing is switched.",
        tags,
        params: playbookParams,
        body: playbookMode,
      },
    },
    async (request) => {
      const { playbook: name } = request.params;
      const { mode } = request.body;
      let before: Playbook | undefined;
      const set = async (): Promise<Result<Playbook>> => {
        const known = await askOne(name);
        if (!known.ok) return known;
        before = known.value;
        const acts = before?.acts ?? [];
        const reason = mode === "on" ? refusalOf(request, acts) : undefined;
        if (reason !== undefined) return refused(reason);
        return ask({ type: "switchPlaybook", name, mode, acts, ...askedBy(at, request) });
      };
      const switched = await audited(at, request, { playbook: name, mode }, set(), (now) =>
        changeOf({ mode: before?.mode }, { mode: now.mode }),
      );
      return shown(request, switched);
    },
  );
  app.delete<{ Params: Static<typeof playbookParams> }>(
    "/admin/playbooks/:playbook",
    {
      config: audits("removePlaybook", "alerts.manage"),
      schema: { summary: "Removes a playbook; answers with it", tags, params: playbookParams },
    },
    async (request) => {
      const { playbook: name } = request.params;
      const removed = ask<Playbook>({ type: "removePlaybook", name, ...shownBy(at, request) });
      return shown(request, await audited(at, request, { playbook: name }, removed, (was) => changeOf(notedOf(was), undefined))); // prettier-ignore
    },
  );

  /** Why a playbook is not switched on: somebody has changed it since it was seen, the admin who switches it on may not
   *  do by hand what it does, or it could not do it. */
  function refusalOf(
    { caller, address, body }: FastifyRequest<{ Body: Static<typeof playbookMode> }>,
    acts: Playbook["acts"],
  ): Failure | undefined {
    const was = body.acts;
    const is = (whole: boolean): boolean => textOf(was ?? []) === textOf(acts.map((act) => shownAct(act, whole)));
    if (was !== undefined && !is(true) && !is(false))
      return failure("ALREADY_DONE", { reason: "somebody changed it in the meantime; look at it again" });
    if (caller !== null)
      for (const act of acts) {
        const reason = at.rights.refusal(caller, playbookActs[act.do].needs, address);
        if (reason) return reason;
      }
    return acts.some((act) => act.do === "mail") && at.mail?.settings.isSet() !== true ? failure("MAIL_OFF") : undefined; // prettier-ignore
  }
}
