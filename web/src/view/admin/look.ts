/** How the pages of the administration look again and again. */

/** How a query looks anew every `lookMs`: what is shown changes by itself, and other admins act. */
export const live = (lookMs: number) => ({ refetchInterval: lookMs, staleTime: 0, retry: false }) as const;
