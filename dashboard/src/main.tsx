// The page: signs in, and shows the view of the address. VIEWS is the list to extend with a new view.

import { render, type FunctionComponent } from "preact";
import { Loading } from "./components/basics.tsx";
import { Messages, Shell } from "./components/shell.tsx";
import type { View } from "./router.ts";
import { route, session, start } from "./state.ts";
import { Alerts } from "./views/alerts.tsx";
import { Audit } from "./views/audit.tsx";
import { DeadLetters } from "./views/dead-letters.tsx";
import { Destinations } from "./views/destinations.tsx";
import { Events } from "./views/events.tsx";
import { Overview } from "./views/overview.tsx";
import { Refused } from "./views/refused.tsx";
import { Replays } from "./views/replay-job.tsx";
import { SignIn } from "./views/sign-in.tsx";
import { Sources } from "./views/sources.tsx";

const SHOWN: Record<View, FunctionComponent> = {
  overview: Overview,
  events: Events,
  "dead-letters": DeadLetters,
  refused: Refused,
  sources: Sources,
  destinations: Destinations,
  alerts: Alerts,
  audit: Audit,
  replay: Replays,
};

function Page() {
  const now = session.value;
  if (now.status === "starting")
    return (
      <div class="starting">
        <Loading rows={3} />
      </div>
    );
  if (now.status === "out")
    return (
      <>
        <SignIn problem={now.problem} />
        <Messages />
      </>
    );
  const Shown = SHOWN[route.value.view];
  return (
    <Shell caller={now.caller} hasToken={now.api.token !== null}>
      <Shown key={route.value.view} />
    </Shell>
  );
}

start();
render(<Page />, document.getElementById("app")!);
