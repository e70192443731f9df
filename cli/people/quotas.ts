/** `plexus quotas`. */
import {
  failure,
  PlexusError,
  quotaMeasures,
  type PeriodName,
  type Quota,
  type QuotaMeasure,
} from "../../protocols/index.ts";
import { readCount } from "../settings/budgets.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** What `plexus quotas set` was told. */
export interface QuotaFlags {
  readonly messages?: string | undefined;
  readonly bytes?: string | undefined;
  readonly tokens?: string | undefined;
  readonly stored?: string | undefined;
  readonly per: PeriodName;
}

/** What is kept has no period. */
const perOf = (measure: QuotaMeasure, per: PeriodName): Quota["per"] => (measure === "stored" ? "always" : per);
const commandOf = ({ role, measure, per, limit }: Quota): string =>
  `plexus quotas set ${role} --${measure} ${limit}${per === "always" ? "" : ` --per ${per}`}`;
const wordsOf = ({ role, measure, per, limit }: Quota): string =>
  withoutControls(
    per === "always"
      ? `${role}: each person keeps files of ${limit} bytes`
      : `${role}: ${limit} ${measure} a ${per} for each person`,
  );

/** `plexus quotas`. With --json one line a quota. */
export async function listQuotas(flags: AdminFlags, output: Output): Promise<number> {
  const { quotas } = await operate(flags, "quotas.list");
  if (flags.json) for (const quota of quotas) output.print(jsonLine(quota));
  else if (quotas.length === 0)
    output.print(
      "There are no quotas: roles have no limits of messages, bytes, tokens and stored files. " +
        "`plexus quotas set` makes one.",
    );
  else {
    const rows = quotas.map(({ role, measure, per, limit }) => [withoutControls(role), measure, String(limit), per]);
    const columns = [{ head: "Role" }, { head: "Of" }, { head: "Limit", align: "right" as const }, { head: "Per" }];
    output.print(renderTable(columns, rows, { color: output.color, columns: output.columns }));
  }
  return exitCodes.ok;
}

/** `plexus quotas set`. */
export async function setQuota(flags: AdminFlags, role: string, told: QuotaFlags, output: Output): Promise<number> {
  const limits = quotaMeasures.filter((one) => told[one] !== undefined);
  const [measure, more] = limits;
  if (measure === undefined || more !== undefined)
    throw new PlexusError(failure("BAD_REQUEST", { reason: "say one of --messages, --bytes, --tokens and --stored" }));
  const limit = readCount(told[measure] ?? "");
  const quota = await operate(flags, "quotas.set", { role, measure, per: perOf(measure, told.per), limit });
  if (flags.json) output.print(jsonLine(quota));
  else output.print(`${wordsOf(quota)}, from now on. For people with several roles the widest quota counts.`);
  return exitCodes.ok;
}

/** `plexus quotas remove`. */
export async function removeQuota(
  flags: AdminFlags,
  of: { readonly role: string; readonly measure: QuotaMeasure; readonly per: PeriodName },
  output: Output,
): Promise<number> {
  const quota = await operate(flags, "quotas.remove", { ...of, per: perOf(of.measure, of.per) });
  if (flags.json) output.print(jsonLine(quota));
  else output.print(`The quota is removed. To set it again: ${withoutControls(commandOf(quota))}`);
  return exitCodes.ok;
}
