// What the presets say of each provider, for people. The file has the facts of all presets, and is read when it is needed.

/** The provider's name, where its secret is, and how it changes a secret. */
export interface Provider {
  title: string;
  secretAt: string;
  rotation: string;
}

/** The path of the file. build.mjs writes both. */
declare const PROVIDERS: string;

let all: Promise<Record<string, [string, string, string]>> | undefined;

/** The facts of a preset. `null` for an own scheme, and if the file cannot be read: the page works without it. */
export async function providerOf(preset: string): Promise<Provider | null> {
  all ??= fetch(PROVIDERS, { referrerPolicy: "no-referrer" }).then((answer) => answer.json());
  try {
    const known = await all;
    const facts = Object.hasOwn(known, preset) ? known[preset] : undefined;
    return facts ? { title: facts[0], secretAt: facts[1], rotation: facts[2] } : null;
  } catch {
    all = undefined;
    return null;
  }
}
