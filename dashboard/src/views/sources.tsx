// The sources: the list, and one source with its secrets, its settings, a test, and its configuration to copy.

import { useSignal } from "@preact/signals";
import { part, type Source } from "../api.ts";
import { refusedIn } from "../attention.ts";
import { Badge, Copy, Empty, Failure, Head, Loading, Panel, Text, Time } from "../components/basics.tsx";
import { Table } from "../components/table.tsx";
import { sourceBlock } from "../curl.ts";
import { bytes, count, duration, shownLines, words } from "../format.ts";
import { readSources } from "../readings.ts";
import { useLoaded } from "../resource.ts";
import { secretName } from "../rotation.ts";
import { href } from "../router.ts";
import { api, mayWrite, route } from "../state.ts";
import { Composer } from "./composer.tsx";
import { PauseButton, PauseNotice } from "./pause.tsx";
import { HandshakeNotice, SecretBadge, Secrets } from "./secrets.tsx";

export function Sources() {
  const { id } = route.value;
  return id ? <One key={id} name={id} /> : <All />;
}

function All() {
  const loaded = useLoaded("sources", readSources, 15_000);
  const sources = loaded.value.value?.sources;
  const error = loaded.error.value;
  return (
    <>
      <Head title="Sources" about="Each source is a URL for one provider. wrangler.toml configures them." />
      {error && <Failure error={error} again={loaded.again} isOld={sources !== undefined} />}
      {!sources && !error && <Loading />}
      {sources?.length === 0 && (
        <Empty title="No source is configured" icon="sources">
          <p>
            Add the block below to <code>wrangler.toml</code>.
          </p>
        </Empty>
      )}
      {sources && sources.length > 0 && (
        <Table
          label="Sources"
          kind="list"
          name="sources"
          columns={[
            "Source",
            "State",
            "Provider",
            "Secrets",
            "Last event",
            { number: "Accepted, 24 h" },
            { number: "Refused" },
            { number: "Delivered" },
            { number: "Dead" },
          ]}
        >
          {sources.map((source) => (
            <Row key={source.name} source={source} />
          ))}
        </Table>
      )}
      {sources && <NewSource />}
    </>
  );
}

function Row({ source }: { source: Source }) {
  const { name, usable, settings, secrets, handshake, last_24h: day, last_event: last } = source;
  const refused = day ? refusedIn(day.verdicts) : 0;
  const worst =
    secrets.find(({ state }) => state === "never_matched") ??
    secrets.find(({ state }) => state === "unused") ??
    secrets[0];
  const number = (value: number | undefined) => (day ? count(value ?? 0) : <span class="muted">–</span>);
  return (
    <tr>
      <td>
        <a href={href("sources", name)}>
          <Text text={name} />
        </a>
      </td>
      <td>
        {source.pause ? (
          <Badge tone="info">Paused</Badge>
        ) : usable ? (
          <Badge tone="good">Ready</Badge>
        ) : (
          <Badge tone="bad">Not usable</Badge>
        )}
      </td>
      <td>
        <Text text={settings?.provider} />
        {settings?.strength === "weak" && (
          <>
            {" "}
            <Badge tone="warn">Weak</Badge>
          </>
        )}
      </td>
      <td>
        {worst ? (
          <SecretBadge secret={worst} />
        ) : handshake ? (
          <Badge tone={handshake === "secret_waits" ? "warn" : "info"}>
            {handshake === "secret_waits" ? "A secret waits" : "Awaited"}
          </Badge>
        ) : (
          <span class="muted">–</span>
        )}
      </td>
      <td>
        <Time at={last} empty="never" />
      </td>
      <td class="num">{number(day?.verdicts["accepted"])}</td>
      <td class="num">
        {refused > 0 ? <a href={href("refused", null, { source: name })}>{count(refused)}</a> : number(0)}
      </td>
      <td class="num">{number(day?.delivered)}</td>
      <td class={day && day.dead > 0 ? "num bad" : "num"}>{number(day?.dead)}</td>
    </tr>
  );
}

function One({ name }: { name: string }) {
  const loaded = useLoaded(name, (signal) => api().get<Source>(`sources/${part(name)}`, {}, signal), 15_000);
  const source = loaded.value.value;
  const error = loaded.error.value;
  return (
    <>
      <Head title={<Text text={name} />} about={<Text text={`${location.origin}/webhooks/${name}`} mono />}>
        <Copy text={() => `${location.origin}/webhooks/${name}`} label="Copy the URL for the provider">
          Copy the URL
        </Copy>
        <a class="button plain" href={href("events", null, { source: name })}>
          Its events
        </a>
        {source && <PauseButton source={source} onDone={loaded.again} />}
      </Head>
      {error?.status === 404 && (
        <Empty title="No such source" icon="search">
          <a class="button plain" href={href("sources")}>
            All sources
          </a>
        </Empty>
      )}
      {error && error.status !== 404 && <Failure error={error} again={loaded.again} isOld={source !== undefined} />}
      {!source && !error && <Loading />}
      {source && !source.usable && (
        <p class="notice bad" role="alert">
          <span>
            This source refuses every request: <Text text={source.error} />
          </span>
        </p>
      )}
      {source && <HandshakeNotice source={source} />}
      {source && <PauseNotice source={source} onDone={loaded.again} />}
      {source && (
        <div class="columns">
          <div>
            {source.secrets.length > 0 && <Secrets source={source} />}
            {source.settings && <Settings settings={source.settings} />}
            <Panel title="Configuration" aside={<Copy text={() => blockOf(source)} label="Copy the configuration" />}>
              <pre class="code" tabIndex={0} role="region" aria-label="Configuration">
                <code>{shownLines(blockOf(source))}</code>
              </pre>
            </Panel>
          </div>
          <div>
            {source.usable &&
              (mayWrite() ? (
                <Composer source={source} />
              ) : (
                <Panel title="Test">
                  <p class="muted quiet-text">Your token may only read, so it cannot send a test event.</p>
                </Panel>
              ))}
          </div>
        </div>
      )}
    </>
  );
}

function Settings({ settings }: { settings: NonNullable<Source["settings"]> }) {
  return (
    <Panel title="Settings">
      <dl class="facts">
        <dt>Provider</dt>
        <dd>
          <Text text={settings.provider} />
        </dd>
        <dt>Proof</dt>
        <dd>
          {words(settings.strength)}
          {settings.weakness && (
            <p class="muted">
              <Text text={settings.weakness} />
            </p>
          )}
        </dd>
        <dt>Destination</dt>
        <dd>
          <Text text={settings.destination} mono empty="none" />
        </dd>
        <dt>Delivery</dt>
        <dd>
          {settings.deliver === "queue"
            ? "By the queue, with retries"
            : "At once: the provider waits for the destination"}
        </dd>
        <dt>Deduplication</dt>
        <dd>
          {settings.dedup}
          {settings.dedup !== "none" && <span class="muted"> for {duration(settings.dedup_ttl_seconds)}</span>}
        </dd>
        <dt>Event types</dt>
        <dd>{settings.events === null ? "All" : <Text text={settings.events.join(", ")} mono />}</dd>
        <dt>Largest body</dt>
        <dd>{bytes(settings.max_body_bytes)}</dd>
        <dt>Bodies in the log</dt>
        <dd>
          {settings.log_bodies_seconds === null ? "Not kept" : `For ${duration(settings.log_bodies_seconds)}`}
          {settings.redact_rules > 0 && `, with ${settings.redact_rules} rules of redaction`}
        </dd>
      </dl>
    </Panel>
  );
}

function blockOf({ name, settings, secrets, handshake }: Source): string {
  const lines = [`[vars.SOURCES.${name}]`, `provider = ${JSON.stringify(settings?.provider ?? "")}`];
  if (secrets.length > 0) lines.push(`secrets = [${secrets.map(({ secret }) => JSON.stringify(secret)).join(", ")}]`);
  if (handshake) lines.push(`handshake = "armed"`);
  if (settings?.destination) lines.push(`origin = ${JSON.stringify(settings.destination)}`);
  if (settings && settings.dedup !== "kv") lines.push(`dedup = ${JSON.stringify(settings.dedup)}`);
  if (settings?.deliver === "origin") lines.push(`deliver = "origin"`);
  if (settings?.events) lines.push(`events = ${JSON.stringify(settings.events)}`);
  return lines.join("\n");
}

function NewSource() {
  const name = useSignal("billing");
  const provider = useSignal("stripe");
  const isName = /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name.value);
  const secret = secretName(name.value);
  const block = () => sourceBlock(name.value, provider.value, secret);
  return (
    <Panel title="Add a source" aside={<Copy text={block} label="Copy the configuration" />}>
      <div class="row">
        <label class="field">
          Name
          <input
            value={name.value}
            spellcheck={false}
            aria-invalid={!isName}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
        <label class="field">
          Provider
          <input
            value={provider.value}
            spellcheck={false}
            onInput={(event) => (provider.value = event.currentTarget.value)}
          />
        </label>
      </div>
      {!isName && <p class="problem">A name has small letters, digits, - and _, and at most 64 of them.</p>}
      <pre class="code" tabIndex={0} role="region" aria-label="Configuration of a new source">
        <code>{block()}</code>
      </pre>
      <p class="muted">
        Set the secret by <code>wrangler secret put {secret}</code>, check with <code>cargo hookgate check</code>, and
        deploy.
      </p>
    </Panel>
  );
}
