/** As much of a browser as sign-in by other servers needs: cookies by origin and path, redirects, and the rules of SameSite. */

interface Cookie {
  readonly value: string;
  readonly path: string;
  readonly sameSite: string;
}

/** Where a navigation has come to. */
export interface Landed {
  readonly url: URL;
  readonly status: number;
  readonly text: string;
  /** Every address on the way. */
  readonly way: readonly string[];
}

/** A browser with nothing in it. */
export class Browser {
  readonly #jar = new Map<string, Map<string, Cookie>>();

  /** Goes to an address, as a link of the page at `from` does, and on where it is sent, until the next address is `until`. */
  async go(
    url: string,
    {
      from,
      until,
      form,
    }: {
      readonly from?: string;
      readonly until?: (url: URL) => boolean;
      readonly form?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Landed> {
    let at = new URL(url);
    let body = form;
    const way = [at.href];
    let initiator = from ?? at.origin;
    for (let hop = 0; hop < 20; hop += 1) {
      if (until?.(at) === true) return { url: at, status: 0, text: "", way };
      const isSame = initiator === at.origin;
      const response = await fetch(at, {
        method: body === undefined ? "GET" : "POST",
        redirect: "manual",
        headers: {
          accept: "text/html",
          cookie: this.#cookiesFor(at, isSame, body !== undefined),
          "sec-fetch-site": isSame ? "same-origin" : "cross-site",
          ...(body !== undefined && { "content-type": "application/x-www-form-urlencoded", origin: initiator }),
        },
        ...(body !== undefined && { body: new URLSearchParams(body).toString() }),
      });
      this.#keep(at, response);
      const location = response.headers.get("location");
      if (location === null || response.status < 300 || response.status > 399)
        return { url: at, status: response.status, text: await response.text(), way };
      await response.arrayBuffer();
      body = undefined;
      const next = new URL(location, at);
      // A chain that has been at another site is another site's from then on.
      if (next.origin !== at.origin) initiator = at.origin;
      at = next;
      way.push(at.href);
    }
    throw new Error(`sent on and on: ${way.join(" ")}`);
  }

  /** A request of the page itself. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  async ask(page: string, method: string, path: string, body?: object): Promise<{ status: number; body: any }> {
    const at = new URL(path, page);
    const response = await fetch(at, {
      method,
      headers: {
        cookie: this.#cookiesFor(at, true, false),
        "sec-fetch-site": "same-origin",
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    this.#keep(at, response);
    return { status: response.status, body: await response.json() };
  }

  cookie(origin: string, name: string): string | undefined {
    return this.#jar.get(origin)?.get(name)?.value;
  }

  /** Puts a cookie where somebody else's lies. */
  plant(origin: string, name: string, value: string): void {
    const jar = this.#jar.get(origin) ?? new Map<string, Cookie>();
    this.#jar.set(origin, jar.set(name, { value, path: "/", sameSite: "lax" }));
  }

  #cookiesFor({ origin, pathname }: URL, isSame: boolean, isPost: boolean): string {
    return [...(this.#jar.get(origin) ?? [])]
      .filter(([, { path }]) => pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`))
      .filter(([, { sameSite }]) => isSame || (sameSite === "lax" && !isPost) || sameSite === "none")
      .map(([name, { value }]) => `${name}=${value}`)
      .join("; ");
  }

  #keep({ origin }: URL, response: Response): void {
    const jar = this.#jar.get(origin) ?? new Map<string, Cookie>();
    this.#jar.set(origin, jar);
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const at = pair.indexOf("=");
      const of = (name: string): string | undefined => attributes.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1); // prettier-ignore
      const isGone = of("max-age") === "0" || (of("expires") !== undefined && Date.parse(of("expires") ?? "") < Date.now()); // prettier-ignore
      if (isGone) jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), { value: pair.slice(at + 1), path: of("path") ?? "/", sameSite: (of("samesite") ?? "lax").toLowerCase() }); // prettier-ignore
    }
  }
}
