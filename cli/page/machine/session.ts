/** `cli/terminal/session.ts` in a page: there are no other sign-ins. */
import { elsewhere } from "./folders.ts";

export const savedSession = (): Promise<never> => Promise.reject(elsewhere("--url"));
export const saveSession = savedSession;
