/** The queue of letters that wait to be sent. */
import { failure, ok, refused, type Failure, type Result } from "../../protocols/index.ts";
import type { Clock, Log, MailRequest, Meter, Outbound, Random } from "../ports/index.ts";
import { backoffMs, withJitter } from "../waiting.ts";
import { letterOf, type Letter } from "./letters.ts";
import { mailLimits } from "./limits.ts";
import type { SendMail, SmtpServer } from "./smtp.ts";

/** What the queue needs from other parts. */
interface OutboundPorts {
  /** The settings of the mail server; undefined: none is set. Rejects while the directory does not answer. */
  readonly server: () => Promise<SmtpServer | undefined>;
  readonly send: SendMail;
  /** The address of the page, for links; undefined: letters with a link are not sent. */
  readonly publicUrl: string | undefined;
  /** The name of the cluster; undefined: no admin has set one. */
  readonly brand?: () => string | undefined;
  /** The name of this node. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Pick<typeof mailLimits, "waitingMax" | "sendingMax" | "triesMax" | "retryMs" | "retryMsMax">;
}

interface Waiting {
  readonly letter: Letter;
  readonly id: string;
  failures: number;
}

/** Letters that need no link. */
const withoutLinks: ReadonlySet<MailRequest["what"]> = new Set(["test", "alert", "report"]);

type Outcome = "sent" | "refused" | "unknown" | "givenUp" | "dropped";

/** Makes the queue. */
export function createOutbound(at: OutboundPorts): Outbound {
  const { clock, random, log, meter, limits = mailLimits } = at;
  const ready: Waiting[] = [];
  /** Cancels the pauses before the next tries. */
  const pausing = new Map<Waiting, () => void>();
  let sending = 0;
  let stopped = false;
  const newId = (): string => Buffer.from(random.bytes(15)).toString("base64url");

  function tell({ what }: Letter, outcome: Outcome, why?: Failure): void {
    meter.count("mail", 1, { what, outcome });
    const facts = { what, outcome, ...(why && { code: why.code, ...why.details }) };
    if (outcome === "sent") log.info("mail.sent", facts);
    else log.warn("mail.failed", facts);
  }

  async function attempt(letter: Letter, id: string): Promise<Result<unknown>> {
    const server = await at.server().catch(() => "away" as const);
    if (server === "away") return refused(failure("MAIL_AWAY", { reason: "the cluster's directory is away" }));
    return server === undefined ? refused(failure("MAIL_OFF")) : at.send(server, letter, id);
  }

  async function deliver(one: Waiting): Promise<void> {
    const result = await attempt(one.letter, one.id);
    if (result.ok) return tell(one.letter, "sent");
    const { error } = result;
    if (error.code === "MAIL_UNKNOWN") return tell(one.letter, "unknown", error);
    if (error.code !== "MAIL_AWAY") return tell(one.letter, "refused", error);
    one.failures += 1;
    if (one.failures >= limits.triesMax) return tell(one.letter, "givenUp", error);
    if (stopped) return tell(one.letter, "dropped", error);
    log.info("mail.away", { what: one.letter.what, tries: one.failures, ...error.details });
    const waitMs = withJitter(
      backoffMs(one.failures - 1, { firstMs: limits.retryMs, maxMs: limits.retryMsMax }),
      random,
    );
    pausing.set(
      one,
      clock.after(waitMs, () => {
        pausing.delete(one);
        ready.push(one);
        pump();
      }),
    );
  }

  function pump(): void {
    while (sending < limits.sendingMax) {
      const one = ready.shift();
      if (one === undefined) return;
      sending += 1;
      void deliver(one)
        .catch((error: unknown) => {
          log.error("mail.fault", { error: String((error as Error)?.stack ?? error) });
          tell(one.letter, "dropped");
        })
        .finally(() => {
          sending -= 1;
          pump();
        });
    }
  }
  const written = (request: MailRequest): Letter | undefined =>
    at.publicUrl === undefined && !withoutLinks.has(request.what)
      ? undefined
      : letterOf(request, { publicUrl: at.publicUrl ?? "", node: at.node, brand: at.brand?.() });
  const waiting = (): number => ready.length + pausing.size + sending;

  return {
    post(request) {
      const letter = written(request);
      if (letter === undefined) return refused(failure("MAIL_OFF", { reason: "publicUrl is not set" }));
      if (stopped || waiting() >= limits.waitingMax) {
        tell(letter, "dropped");
        return refused(failure("OVERLOADED", { mailsWaitingMax: limits.waitingMax }));
      }
      ready.push({ letter, id: newId(), failures: 0 });
      pump();
      return ok({});
    },
    async send(request) {
      const letter = written(request);
      if (letter === undefined) return refused(failure("MAIL_OFF", { reason: "publicUrl is not set" }));
      const result = await attempt(letter, newId());
      const outcome = result.ok ? "sent" : result.error.code === "MAIL_UNKNOWN" ? "unknown" : "refused";
      tell(letter, outcome, result.ok ? undefined : result.error);
      return result;
    },
    waiting,
    stop() {
      stopped = true;
      for (const [one, cancel] of pausing) {
        cancel();
        tell(one.letter, "dropped");
      }
      pausing.clear();
      for (const one of ready.splice(0)) tell(one.letter, "dropped");
    },
  };
}
