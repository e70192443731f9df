/** Does what a playbook is to do. What may be done at all is decided before (`actors/watch/playbooks.ts`); here is what
 *  has to be asked first: nothing is done to the account of the last owner who can sign in. */
import { createHmac } from "node:crypto";
import {
  auditDone,
  failureOf,
  readSealedPage,
  type AuditEvent,
  type PlaybookOrder,
  type PlaybookStep,
  type Result,
  type SeenEntry,
} from "../../protocols/index.ts";
import { mailAlert, rehearsal, type MailingPorts } from "./mailing.ts";
import type { RunDone } from "./runs.ts";

export interface ActingPorts extends MailingPorts {
  /** The name of this node. */
  readonly name: string;
  isSuspended(user: string): Promise<boolean>;
  endSessions(user: string): Promise<Result<unknown>>;
  suspend(user: string): Promise<Result<unknown>>;
  drain(node: string): Promise<Result<unknown>>;
  backup(by: string): Promise<Result<unknown>>;
  /** The status that an address answers a POST with. Rejects where it does not. */
  post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<number>;
  /** Opens the sealed part of a page: its address and its secret, as `sealedPageText` writes them. */
  open(sealed: string, playbook: string): Promise<string | undefined>;
  /** The entries at these places of the audit, of those that are here. */
  entries(places: readonly string[]): Promise<readonly SeenEntry[]>;
  write(event: AuditEvent): Promise<void>;
  nowMs(): number;
}

/** The signature of a page: HMAC-SHA256 of the time, a dot and the body. */
export const signatureOf = (secret: string, atMs: number, body: string): string =>
  `v1=${createHmac("sha256", secret).update(`${atMs}.${body}`).digest("hex")}`;

/** Whether somebody is the last owner who can sign in. */
async function isLastOwner(ports: Pick<ActingPorts, "holders" | "isSuspended">, user: string): Promise<boolean> {
  const owners = await ports.holders("owner");
  if (!owners.includes(user)) return false;
  for (const other of owners) if (other !== user && !(await ports.isSuspended(other))) return false;
  return true;
}

type Act = PlaybookOrder["acts"][number];

/** The result of an act. */
interface Outcome {
  readonly status: "done" | "skipped";
  readonly reason?: string;
}
const done: Outcome = { status: "done" };
const skipped = (reason: string): Outcome => ({ status: "skipped", reason });

/** Does the planned steps of a run, one after the other; one that fails stops none of the others. Each run is in the
 *  audit, a rehearsal too. What was seen goes with pages and mails: their readers may not be able to read the audit. */
export async function actOn(ports: ActingPorts, order: PlaybookOrder): Promise<RunDone> {
  const { run, alert, acts } = order;
  const seen = await ports.entries(alert.evidence).catch(() => []);
  const [, subject = ""] = /^[a-z]+\/(.*)$/.exec(alert.about) ?? [];
  const by = `node/${ports.name}`;
  const facts = { playbook: run.playbook, run: run.id, alert: alert.id };

  const personal = async (
    action: "suspendUser" | "endSession",
    act: () => Promise<Result<unknown>>,
  ): Promise<Outcome> => {
    if (await isLastOwner(ports, subject)) return skipped("this is the last owner who can sign in");
    const result = await act();
    await ports.write({ action, by, target: alert.about, outcome: result.ok ? auditDone : result.error.code, facts });
    if (!result.ok) throw result.error;
    return done;
  };
  const page = async ({ sealed, host }: Extract<Act, { do: "page" }>): Promise<Outcome> => {
    const opened = readSealedPage(await ports.open(sealed, run.playbook));
    if (opened === undefined) return skipped("this node cannot decrypt its address: set the playbook again");
    const atMs = Math.floor(ports.nowMs());
    const body = JSON.stringify({ alert, seen, playbook: run.playbook, run: run.id, atMs });
    const headers = {
      "content-type": "application/json",
      "x-plexus-time": String(atMs),
      "x-plexus-signature": signatureOf(opened.secret, atMs, body),
    };
    const status = await ports.post(opened.url, body, headers).catch((error: unknown) => {
      // The address is a secret, so the text of an error, which may have it, is not passed on.
      throw new Error(reasonOf(error).replaceAll(opened.url, `https://${host}/…`));
    });
    if (status < 200 || status >= 300) throw new Error(`the address answers ${status}`);
    return done;
  };
  const perform = async (act: Act): Promise<Outcome> => {
    switch (act.do) {
      case "revokeSessions":
        return personal("endSession", () => ports.endSessions(subject));
      case "suspend":
        return personal("suspendUser", () => ports.suspend(subject));
      case "isolate": {
        const result = await ports.drain(subject);
        await ports.write({
          action: "isolate",
          by,
          target: alert.about,
          outcome: result.ok ? auditDone : result.error.code,
          facts,
        });
        if (!result.ok) throw result.error;
        return done;
      }
      case "backup": {
        const result = await ports.backup(`playbook ${run.playbook}`);
        if (!result.ok) throw result.error;
        return done;
      }
      case "page":
        return page(act);
      case "mail": {
        const reason = await mailAlert(ports, act, { alert, seen, playbook: run.playbook });
        return reason === undefined ? done : { status: "done", reason };
      }
    }
  };

  const steps: PlaybookStep[] = [];
  for (const [index, step] of run.steps.entries()) {
    const act = acts[index];
    const { status, reason: _reason, ...what } = step;
    const failed = (error: unknown): PlaybookStep => ({ ...what, status: "failed", reason: reasonOf(error) });
    if (act?.do === "mail" && status === "rehearsed")
      steps.push(await rehearsal(ports, act).then((reason) => ({ ...step, reason }), failed));
    else if (act === undefined || status !== "planned") steps.push(step);
    else steps.push(await perform(act).then((came): PlaybookStep => ({ ...what, ...came }), failed));
  }
  const said = steps.map(
    ({ do: what, to, status, reason }, at) =>
      [
        `step.${at + 1}`,
        `${what}: ${status}${to === undefined ? "" : `, ${to}`}${reason === undefined ? "" : ` (${reason})`}`,
      ] as const,
  );
  await ports.write({
    action: "runPlaybook",
    by,
    target: alert.about,
    outcome: steps.some(({ status }) => status === "failed") ? "failed" : auditDone,
    facts: { ...facts, mode: run.mode, ...Object.fromEntries(said) },
  });
  return { steps, seen };
}

/** The code of a refusal, or the text of another error. */
function reasonOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  const { message } = failureOf(error);
  return (typeof code === "string" ? code : error instanceof Error ? error.message : message).slice(0, 200);
}
