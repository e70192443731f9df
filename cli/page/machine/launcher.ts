/** `cli/launcher.ts` in a page. */
export const plexusCommand = (): string => "plexus";
