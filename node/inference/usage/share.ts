/** What a node holds of one budget: the arithmetic of reserving before a call and settling after it.
 *
 *      granted ──► free ──reserve──► reserved ──settle──► told to the ledger as used
 *                   ▲                    │ what the call did not take
 *                   └────────────────────┘
 *
 *  `free` is negative while calls took more than was reserved for them: then nothing can be reserved. */

/** A share. */
export interface Share {
  readonly free: number;
  readonly reserved: number;
}

/** Nothing is held. */
export const noShare: Share = { free: 0, reserved: 0 };

/** Takes `need` out of what is free; undefined: there is not so much. */
export const reserve = ({ free, reserved }: Share, need: number): Share | undefined =>
  need <= free ? { free: free - need, reserved: reserved + need } : undefined;

/** A call for which `amount` was reserved has ended and took `used`. */
export const settled = ({ free, reserved }: Share, amount: number, used: number): Share => ({
  free: free + amount - used,
  reserved: reserved - amount,
});

/** What is told to the ledger as kept, together with all that was used. What calls took beyond the share is in what was
 *  used, so the share begins anew at nothing. With `giveBack`, what is free is not kept. */
export function kept({ free, reserved }: Share, giveBack: boolean): { readonly keep: number; readonly share: Share } {
  const share = { free: Math.max(giveBack ? Math.min(free, 0) : free, 0 - reserved), reserved };
  return { keep: share.free + share.reserved, share };
}

/** The ledger says what the node holds: what it kept, and more. Calls may have taken of it meanwhile. */
export const grantedTo = ({ free, reserved }: Share, keep: number, held: number): Share => ({
  free: free + held - keep,
  reserved,
});
