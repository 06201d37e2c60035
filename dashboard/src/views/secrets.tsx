// The secrets of a source: which one proves its requests, how to rotate one, and a secret that its provider has sent.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { part, type SecretUse, type Source } from "../api.ts";
import { Badge, Button, Copy, Panel, Problem, Text, Time } from "../components/basics.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { capital, shown, shownLines, stamp } from "../format.ts";
import { providerOf, type Provider } from "../providers.ts";
import { rotationOf, secretName, type Step } from "../rotation.ts";
import { href } from "../router.ts";
import { useSending } from "../sending.ts";
import { api, go, mayWrite, route } from "../state.ts";

const STATES: Record<SecretUse["state"], [string, string]> = {
  in_use: ["good", "In use"],
  unused: ["neutral", "Unused: safe to delete"],
  never_matched: ["warn", "Never matched"],
  unknown: ["neutral", "Unknown"],
};

export function SecretBadge({ secret }: { secret: SecretUse }) {
  const [tone, text] = STATES[secret.state];
  return <Badge tone={tone}>{text}</Badge>;
}

export function Secrets({ source }: { source: Source }) {
  const { secrets, name } = source;
  const isRotating = route.value.params.has("rotate") || secrets.length > 1;
  return (
    <>
      <Panel
        title="Secrets"
        aside={
          !isRotating && (
            <button type="button" class="link" onClick={() => go(href("sources", name, { rotate: "1" }), true)}>
              Rotate a secret
            </button>
          )
        }
      >
        <ul class="secrets">
          {secrets.map((secret) => (
            <li key={secret.secret}>
              <div>
                <code>{shown(secret.secret)}</code>
                <SecretBadge secret={secret} />
                <span class="muted">
                  {secret.last_matched ? (
                    <>
                      last matched <Time at={secret.last_matched} />
                    </>
                  ) : (
                    "no match is noted"
                  )}
                </span>
              </div>
              {secret.state !== "in_use" && (
                <p class="muted">
                  <Text text={sentence(secret.text)} />
                </p>
              )}
            </li>
          ))}
        </ul>
      </Panel>
      {isRotating && <Guide source={source} />}
    </>
  );
}

/** The API's texts begin with a small letter and have no full stop. */
const sentence = (text: string): string => `${capital(text)}.`;

function useProvider(source: Source): Provider | null {
  const provider = useSignal<Provider | null>(null);
  const name = source.settings?.provider ?? "";
  useEffect(() => {
    let isLatest = true;
    void providerOf(name).then((known) => isLatest && (provider.value = known));
    return () => {
      isLatest = false;
    };
  }, [name]);
  return provider.value;
}

function Guide({ source }: { source: Source }) {
  const provider = useProvider(source);
  const rotation = rotationOf(source, (at) => stamp(at).slice(0, 16));
  if (!rotation) return null;
  return (
    <Panel
      title="Rotate a secret"
      aside={
        source.secrets.length === 1 && (
          <button type="button" class="link" onClick={() => go(href("sources", source.name), true)}>
            Close
          </button>
        )
      }
    >
      <p class={`notice ${rotation.tone}`} role="status">
        <Icon name={rotation.tone === "good" ? "check" : rotation.tone === "warn" ? "warning" : "key"} />
        <span>{rotation.state}</span>
      </p>
      <ol class="steps">
        {rotation.steps.map((step, at) => (
          <StepOf key={at} step={step} number={at + 1}>
            {at === 2 && provider && <Rules provider={provider} />}
          </StepOf>
        ))}
      </ol>
    </Panel>
  );
}

function StepOf({ step, number, children }: { step: Step; number: number; children?: ComponentChildren }) {
  const { command } = step;
  return (
    <li class={step.status} aria-current={step.status === "now" ? "step" : undefined}>
      <span class="step-mark" aria-hidden="true">
        {step.status === "done" ? <Icon name="check" /> : number}
      </span>
      <div>
        <b>
          {step.title}
          {step.status === "done" && <span class="visually-hidden"> (done)</span>}
        </b>
        <p class="muted">
          <Text text={step.text} />
        </p>
        {children}
        {command && step.status !== "done" && <Command text={command} label={`Copy step ${number}`} />}
      </div>
    </li>
  );
}

function Command({ text, label }: { text: string; label: string }) {
  return (
    <div class="command">
      <pre class="code">
        <code>{shownLines(text)}</code>
      </pre>
      <Copy text={() => text} label={label} />
    </div>
  );
}

function Rules({ provider }: { provider: Provider }) {
  return (
    <dl class="facts">
      <dt>{provider.title}</dt>
      <dd>
        <Text text={capital(provider.secretAt)} />
      </dd>
      <dt>Two at a time</dt>
      <dd>
        <Text text={capital(provider.rotation)} />
      </dd>
    </dl>
  );
}

/** What an armed source waits for, and the secret that came. */
export function HandshakeNotice({ source }: { source: Source }) {
  const isAsking = useSignal(false);
  const { handshake } = source;
  if (!handshake) return null;
  if (handshake !== "secret_waits") {
    return (
      <p class="notice info spaced" role="status">
        <Icon name="key" />
        <span>
          {handshake === "armed" ? (
            <>
              <b>The source waits for the secret of its provider.</b> Register the URL above at the provider. The secret
              that it sends waits here for an hour.
            </>
          ) : (
            "It is not known whether the provider has sent its secret: the object that keeps it does not answer."
          )}
        </span>
      </p>
    );
  }
  return (
    <div class="notice warn spaced" role="status">
      <Icon name="key" />
      <span>
        <b>A secret of the provider waits.</b> It is forgotten an hour after it came, and the source accepts no event
        until it is stored.{!mayWrite() && " A token of the kind write can read it."}
      </span>
      {mayWrite() && <Button onClick={() => (isAsking.value = true)}>Read the secret…</Button>}
      {isAsking.value && <Offered name={source.name} onClose={() => (isAsking.value = false)} />}
    </div>
  );
}

/** The secret is in the memory of this dialog alone. */
function Offered({ name, onClose }: { name: string; onClose: () => void }) {
  const secret = useSignal("");
  const { isBusy, problem, run } = useSending(async () => {
    const read = await api().get<{ secret: string }>(`handshakes/${part(name)}`);
    secret.value = read.secret;
  });
  const variable = secretName(name);
  return (
    <Dialog title="The secret of the provider" onClose={onClose} wide>
      {!secret.value && (
        <>
          <p>
            Whoever has the secret can sign webhooks of <Text text={name} />. Nothing proves who sent it, so read it only
            if you have just registered the URL. The audit names you.
          </p>
          <Problem text={problem.value} />
          <div class="dialog-foot">
            <Button kind="quiet" onClick={onClose}>
              Cancel
            </Button>
            <Button kind="primary" disabled={isBusy.value} onClick={() => void run()}>
              Show the secret
            </Button>
          </div>
        </>
      )}
      {secret.value && (
        <>
          <div class="command">
            <pre class="code" tabIndex={0} role="region" aria-label="The secret">
              <code>
                <Text text={secret.value} />
              </code>
            </pre>
            <Copy text={() => secret.value} label="Copy the secret" />
          </div>
          <ol class="steps">
            <StepOf
              number={1}
              step={{
                title: "Store it",
                text: "The command asks for the value.",
                command: `wrangler secret put ${variable}`,
                status: "now",
              }}
            />
            <StepOf
              number={2}
              step={{
                title: 'Write this in place of handshake = "armed", and deploy',
                text: `In [vars.SOURCES.${name}] of wrangler.toml.`,
                command: `secrets = [${JSON.stringify(variable)}]\n# then: make deploy`,
                status: "later",
              }}
            />
          </ol>
          <div class="dialog-foot">
            <Button kind="primary" onClick={onClose}>
              Done
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}
