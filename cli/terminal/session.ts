import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { placeOf } from "../../protocols/admin/nodes.ts";
import { userConfigFolder } from "../settings/folders.ts";

/** A sign-in that is kept between runs. */
export interface SavedSession {
  readonly user: string;
  readonly token: string;
  readonly expiresAtMs: number;
}

type Sessions = Readonly<Record<string, SavedSession>>;

const sessionPath = (): string => join(userConfigFolder(process.env), "session.json");

async function readSessions(): Promise<Sessions> {
  try {
    const content: unknown = JSON.parse(await readFile(sessionPath(), "utf8"));
    return typeof content === "object" && content !== null ? (content as Sessions) : {};
  } catch {
    // Absent, or not ours: signing in again writes it anew.
    return {};
  }
}

/** The session kept for a node, unless it has expired. */
export async function savedSession(url: string, nowMs: number): Promise<SavedSession | undefined> {
  const saved = (await readSessions())[placeOf(url)];
  return saved !== undefined && typeof saved.token === "string" && saved.expiresAtMs > nowMs ? saved : undefined;
}

/** Keeps a session, readable by its owner only; undefined forgets the one that was kept. */
export async function saveSession(url: string, session: SavedSession | undefined): Promise<void> {
  const path = sessionPath();
  const { [placeOf(url)]: _, ...others } = await readSessions();
  const sessions = session === undefined ? others : { ...others, [placeOf(url)]: session };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(sessions, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
}
