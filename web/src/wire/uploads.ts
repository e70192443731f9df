/** Uploads for messages to an agent. */
import type { HeardSound, Result, UploadedPicture } from "../../../protocols/index.ts";
import { pageLimits } from "./limits.ts";
import { request } from "./rest.ts";

/** Uploads a picture. */
export const uploadPicture = (agent: string, picture: Blob): Promise<Result<UploadedPicture>> =>
  request("POST", `/api/v1/agents/${agent}/pictures`, picture) as Promise<Result<UploadedPicture>>;

/** Uploads a sound; the node may read it aloud to a model first, which takes a while. */
export const uploadSound = (agent: string, sound: Blob): Promise<Result<HeardSound>> =>
  request("POST", `/api/v1/agents/${agent}/sounds`, sound, pageLimits.soundTimeoutMs) as Promise<Result<HeardSound>>;
