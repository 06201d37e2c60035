//! The table of routes: what each path of `/api` does, and what its caller must be allowed to do.

use crate::config::CallerKind;
use crate::pipeline::refusal::Refusal;

/// What the API does for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Lists alerts.
    Alerts,
    /// Acknowledges an alert.
    Acknowledge,
    /// Sends a notice as a test.
    TestAlerts,
    /// Lists the audit.
    Audit,
    /// Tells who calls, and what is off.
    Caller,
    /// Lists dead letters.
    DeadLetters,
    /// Counts dead letters by source and reason.
    DeadLetterGroups,
    /// Redrives the dead letters that a filter selects.
    RedriveAll,
    /// Redrives one dead letter.
    RedriveOne,
    /// Lists events.
    Events,
    /// Tells everything about one event.
    Event,
    /// Sends one event again.
    Replay,
    /// Reads the secret from a handshake.
    Handshake,
    /// Forgets the key of an event.
    ForgetKey,
    /// The numbers of the day in OpenMetrics.
    Metrics,
    /// Lists samples of refused requests, and counts refused requests.
    Refused,
    /// Lists the jobs that send many events again.
    ReplayJobs,
    /// Sends many events again, or says which ones it would send.
    ReplayMany,
    /// The progress of a job that sends many events again.
    ReplayJob,
    /// Cancels such a job.
    CancelReplay,
    /// Lists the configured sources.
    Sources,
    /// Tells everything about one source.
    Source,
    /// Sends a test event.
    Test,
    /// Stops the deliveries of a source.
    Pause,
    /// Starts the deliveries of a source again.
    Resume,
    /// The numbers over time, and what waits.
    Stats,
}

impl Endpoint {
    /// Whether a request has parameters. Where there are none, a parameter is a mistake: `POST
    /// /api/dead-letters/redrive?source=billing` must not redrive the letters of all sources.
    pub fn has_parameters(self) -> bool {
        match self {
            Self::Audit
            | Self::DeadLetters
            | Self::DeadLetterGroups
            | Self::Event
            | Self::Events
            | Self::ForgetKey
            | Self::Refused
            | Self::Stats => true,
            Self::Alerts
            | Self::Acknowledge
            | Self::Caller
            | Self::TestAlerts
            | Self::RedriveAll
            | Self::RedriveOne
            | Self::Test
            | Self::Replay
            | Self::ReplayJobs
            | Self::ReplayMany
            | Self::ReplayJob
            | Self::CancelReplay
            | Self::Handshake
            | Self::Metrics
            | Self::Pause
            | Self::Resume
            | Self::Sources
            | Self::Source => false,
        }
    }

    /// Whether a request has a body. Where there is none, a body is a mistake: `{"dry_run": true}` to
    /// `POST /api/events/{id}/replay` must not send the event.
    pub fn has_body(self) -> bool {
        matches!(self, Self::RedriveAll | Self::Test | Self::ReplayMany | Self::Pause)
    }
}

/// One method at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path after `/api/`. `{}` is one part of a path: not empty, and without a slash.
    pub path: &'static str,
    /// All methods of the path, for the header `allow`.
    pub allow: &'static str,
    /// What the caller must be allowed to do. A route that changes something, or that shows a secret, needs `Write`, and its
    /// handler stores an entry in the audit first.
    pub needs: CallerKind,
    /// What the API does.
    pub endpoint: Endpoint,
}

const fn read(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: "GET", path, allow: "GET", needs: CallerKind::Read, endpoint }
}

const fn write(method: &'static str, path: &'static str, endpoint: Endpoint) -> Route {
    Route { method, path, allow: method, needs: CallerKind::Write, endpoint }
}

/// Every route.
pub const ROUTES: [Route; 26] = [
    read("alerts", Endpoint::Alerts),
    write("POST", "alerts/{}/acknowledge", Endpoint::Acknowledge),
    write("POST", "alerts/test", Endpoint::TestAlerts),
    read("audit", Endpoint::Audit),
    read("caller", Endpoint::Caller),
    read("dead-letters", Endpoint::DeadLetters),
    read("dead-letters/groups", Endpoint::DeadLetterGroups),
    write("POST", "dead-letters/redrive", Endpoint::RedriveAll),
    write("POST", "dead-letters/{}/redrive", Endpoint::RedriveOne),
    read("events", Endpoint::Events),
    read("events/{}", Endpoint::Event),
    write("POST", "events/{}/replay", Endpoint::Replay),
    // The secret signs webhooks, so whoever reads it can forge them.
    write("GET", "handshakes/{}", Endpoint::Handshake),
    write("DELETE", "keys", Endpoint::ForgetKey),
    read("metrics", Endpoint::Metrics),
    read("refused", Endpoint::Refused),
    Route { allow: "GET, POST", ..read("replay", Endpoint::ReplayJobs) },
    Route { allow: "GET, POST", ..write("POST", "replay", Endpoint::ReplayMany) },
    read("replay/{}", Endpoint::ReplayJob),
    write("POST", "replay/{}/cancel", Endpoint::CancelReplay),
    read("sources", Endpoint::Sources),
    read("sources/{}", Endpoint::Source),
    write("POST", "sources/{}/test", Endpoint::Test),
    write("POST", "sources/{}/pause", Endpoint::Pause),
    write("POST", "sources/{}/resume", Endpoint::Resume),
    read("stats", Endpoint::Stats),
];

impl Route {
    /// The part of `path` at `{}`. Empty if the route has no such part. `None` if the route does not have this path.
    fn part<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, after)) = self.path.split_once("{}") else { return (self.path == path).then_some("") };
        let part = path.strip_prefix(before)?.strip_suffix(after)?;
        (!part.is_empty() && !part.contains('/')).then_some(part)
    }
}

/// Whether a request with this method only reads. No other method is sent by a caller who may only read.
pub fn only_reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// Whether a caller who may only read may use the route of this request.
pub fn is_open_to_readers(method: &str, path: &str) -> bool {
    let is_this = |route: &&Route| route.method == method && route.part(path).is_some();
    ROUTES.iter().find(is_this).is_some_and(|route| route.needs == CallerKind::Read)
}

/// The route of a request by a caller of `kind`, and the part of `path` at its `{}`.
///
/// # Errors
/// The path or the method does not exist, or the caller may not use the route.
pub fn find<'p>(method: &str, path: &'p str, kind: CallerKind) -> Result<(Endpoint, &'p str), Refusal> {
    // Without regard to the table: a mistake in the table must not let a caller change something who may only read.
    if kind == CallerKind::Read && !only_reads(method) {
        return Err(Refusal::ReadOnly);
    }
    let mut allowed = None;
    for route in &ROUTES {
        let Some(part) = route.part(path) else { continue };
        if route.method != method {
            allowed = Some(route.allow);
            continue;
        }
        if route.needs == CallerKind::Write && kind == CallerKind::Read {
            return Err(Refusal::ReadOnly);
        }
        return Ok((route.endpoint, part));
    }
    Err(allowed.map_or(Refusal::NotFound, |allowed| Refusal::WrongMethod { allowed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_a_plain_read_needs_the_right_to_write() {
        for route in &ROUTES {
            assert!(only_reads(route.method) || route.needs == CallerKind::Write, "{route:?}");
        }
    }

    #[test]
    fn each_route_names_all_methods_of_its_path() {
        for route in &ROUTES {
            let methods: Vec<_> =
                ROUTES.iter().filter(|other| other.path == route.path).map(|other| other.method).collect();
            assert_eq!(route.allow, methods.join(", "), "{route:?}");
        }
    }

    #[test]
    fn no_path_has_two_routes() {
        for route in &ROUTES {
            let path = route.path.replace("{}", "x");
            let found: Vec<_> = ROUTES.iter().filter(|other| other.part(&path).is_some()).collect();
            assert!(found.iter().all(|other| other.path == route.path), "{path}: {found:?}");
        }
    }
}
