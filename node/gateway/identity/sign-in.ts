/** What is answered after each proof of a sign-in, with its cookies, and where one comes from. What a step needs of the
 *  one before is in the attempt (`attempts.ts`). */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { SignInProgress } from "../../../protocols/index.ts";
import type { Progress } from "./accounts.ts";
import {
  attemptCookie,
  deviceCookie,
  presentedAttempt,
  presentedDevice,
  sessionCookie,
  type Origin,
} from "./callers.ts";
import { originOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";

/** Whether the browser speaks TLS, as far as is known. */
export const isSecure = (request: FastifyRequest): boolean =>
  request.protocol === "https" || request.headers["x-forwarded-proto"] === "https";

/** The cookie of a sign-in under way. Lax: people who come back from another server's page come from another site. */
export function setAttempt(request: FastifyRequest, reply: FastifyReply, attempt: string, lifeMs: number): void {
  const maxAge = Math.floor(lifeMs / 1000);
  reply.setCookie(attemptCookie, attempt, {
    httpOnly: true,
    sameSite: "lax",
    secure: isSecure(request),
    path: `${request.mount}/api`,
    maxAge,
  });
}

/** Answers a sign-in, with its cookies: 200 with the session, or 202 with what is still needed. */
export function answerSignIn(
  at: GatewayContext,
  request: FastifyRequest,
  reply: FastifyReply,
  progress: Progress,
): SignInProgress {
  const { clock, limits } = at;
  const ours = { httpOnly: true, sameSite: "strict", secure: isSecure(request) } as const;
  const secondsTo = (atMs: number): number => Math.max(0, Math.floor((atMs - clock.nowMs()) / 1000));
  if (progress.type === "unfinished") {
    const { attempt, needs, setUp, expiresAtMs } = progress;
    setAttempt(request, reply, attempt, Math.max(0, expiresAtMs - clock.nowMs()));
    reply.code(202);
    return { attempt, needs, setUp, expiresAtMs };
  }
  const { session, device } = progress;
  if (presentedAttempt(request.raw) !== undefined) reply.clearCookie(attemptCookie, { path: `${request.mount}/api` });
  reply.setCookie(sessionCookie, session.token, {
    ...ours,
    path: request.mount || "/",
    maxAge: secondsTo(session.expiresAtMs),
  });
  // It outlives the session: it is for the next time.
  reply.setCookie(deviceCookie, device, {
    ...ours,
    path: `${request.mount}/api`,
    maxAge: Math.floor(limits.deviceLifeMs / 1000),
  });
  return session;
}

/** Where the request comes from, with the device that the browser says it is. */
export const fromDevice = (request: FastifyRequest): Origin => ({
  ...originOf(request),
  device: presentedDevice(request.raw),
});
