/** What actors that keep people's files have in common in telling accounts how much that is (decisions 0257, 0281). */
import type { Failure } from "../protocols/index.ts";

/** The id of the reminder that somebody is to be told again. */
export const storedReminder = "stored";

/** Whether an account is told again. One that is gone needs not be told; one on a node of a version before does not
 *  know the message, and is told until that node is updated. */
export const isToldAgain = ({ code, outcome }: Failure): boolean => outcome !== "failed" || code === "BAD_REQUEST";
