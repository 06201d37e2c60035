// Signing in with a token. Cloudflare Access needs none: `start` has tried that.

import { useSignal } from "@preact/signals";
import { Button, Tick } from "../components/basics.tsx";
import { Mark } from "../components/shell.tsx";
import { signIn } from "../state.ts";

export function SignIn({ problem }: { problem?: string | undefined }) {
  const token = useSignal("");
  const keep = useSignal(false);
  const isBusy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    await signIn(token.value.trim(), keep.value);
    isBusy.value = false;
  };
  return (
    <main class="sign-in">
      <form onSubmit={submit}>
        <Mark />
        <h1>Sign in to hookgate</h1>
        <p class="muted">
          With the secret <code>ADMIN_TOKEN</code>, or a token of <code>ADMIN_TOKENS</code>.
        </p>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="off"
            spellcheck={false}
            required
            autofocus
            aria-invalid={problem ? true : undefined}
            aria-describedby={problem ? "problem" : undefined}
            value={token.value}
            onInput={(event) => (token.value = event.currentTarget.value)}
          />
        </label>
        {problem && (
          <p id="problem" class="problem" role="alert">
            {problem}
          </p>
        )}
        <Tick value={keep}>Keep it until this tab is closed</Tick>
        <Button kind="primary" type="submit" disabled={isBusy.value}>
          {isBusy.value ? "Signing in…" : "Sign in"}
        </Button>
      </form>
    </main>
  );
}
