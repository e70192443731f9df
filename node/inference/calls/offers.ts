/** Keeps the offers in this node's own row true. */
import { cut, engineNames, failureOf, type Failure, type Offer, type Result } from "../../../protocols/index.ts";
import type { Engines } from "../../../runtimes/engine.ts";
import type { Clock, Log, MemberRecord, Membership } from "../../ports/index.ts";
import { callLimits } from "./limits.ts";
import { memberIn } from "../../cluster/facts/members.ts";

/** The offers of a node's engines, as its row has them. A reason is cut to the length that a row may hold. */
const offersOf = (engines: Engines): readonly Offer[] =>
  engineNames.flatMap((engine) =>
    engines[engine].models().map(({ reason, ...info }) => ({
      engine,
      ...info,
      ...(reason !== undefined && { reason: cut(reason, callLimits.offerReasonCharsMax) }),
    })),
  );

/** The fields of a member's row that follow from its offers. */
const advertised = (engines: Engines): Required<Pick<MemberRecord, "offers" | "models" | "gpu">> => {
  const offers = offersOf(engines);
  const ready = offers.filter(({ engine, state }) => engine !== "scan" && state === "ready");
  return {
    offers,
    models: [...new Set(ready.map(({ model }) => model))],
    gpu: ready.some(({ device }) => device !== undefined && device !== "cpu"),
  };
};

/** Starts to keep the row: it is looked at when the engines or the list of members change, and a row that cannot be
 *  written is tried again. The returned function ends that. */
export function advertise(ports: {
  readonly engines: Engines;
  readonly membership: Pick<Membership, "self" | "members" | "onChange"> & {
    update(change: Partial<Omit<MemberRecord, "node" | "incarnation">>): Promise<Result<MemberRecord>>;
  };
  readonly clock: Clock;
  readonly log: Log;
}): () => void {
  const { engines, membership, clock, log } = ports;
  let writing = false;
  let stopped = false;
  let cancelRetry = (): void => undefined;

  const look = (): void => {
    const row = memberIn(membership, membership.self);
    if (stopped || writing || row === undefined) return;
    const next = advertised(engines);
    if (same(next, row)) return;
    writing = true;
    cancelRetry();
    membership.update(next).then(
      (written) => {
        writing = false;
        // The list follows the row a moment later, and is looked at again then.
        if (!written.ok) retry(written.error);
        else if (!same(advertised(engines), next)) look();
      },
      (thrown: unknown) => {
        writing = false;
        retry(failureOf(thrown));
      },
    );
  };
  const retry = ({ code }: Failure): void => {
    if (stopped) return;
    log.info("offers.unpublished", { code });
    cancelRetry = clock.after(callLimits.offersRetryMs, look);
  };
  let cancelLook = (): void => undefined;
  const lookAgain = (): void => {
    cancelLook = clock.after(callLimits.offersLookMs, () => {
      look();
      lookAgain();
    });
  };
  lookAgain();
  const ends = [membership.onChange(look), ...engineNames.map((engine) => engines[engine].watch(look))];
  look();
  return () => {
    stopped = true;
    for (const end of ends) end();
    cancelRetry();
    cancelLook();
  };
}

/** Rows are plain data, written by one function: equal ones have equal text. */
const same = (next: ReturnType<typeof advertised>, { offers, models, gpu }: Partial<MemberRecord>): boolean =>
  JSON.stringify(next) === JSON.stringify({ offers, models, gpu });
