//! A gateway for the tests of the command line: the checkout's configuration and verifier, behind a socket.

use hookgate::config::{Bindings, Config};
use hookgate_verify::native::Native;
use hookgate_verify::{Head, UnixTime};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// A server. It listens until it is dropped.
pub struct Gateway {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request that the gateway received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl Gateway {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, ended) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::<AtomicBool>::default());
        let (log, end) = (Arc::clone(&requests), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let config = config();
            let (mut seen, mut forgotten) = (BTreeMap::new(), BTreeSet::new());
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let request = read(&mut stream);
                let (status, body) = match request.path.strip_prefix("/api/keys?") {
                    Some(query) => forget(&config, &mut forgotten, query, &request),
                    None => answer(&config, &mut seen, &request),
                };
                log.lock().unwrap().push(request);
                let length = body.len();
                write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                    .unwrap();
            }
        });
        Self { address, requests, ended, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The connection ends the thread's `accept`.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn config() -> Config {
    let toml = |path: &str| -> Value { toml::from_str(&super::read(path)).unwrap() };
    let (wrangler, secrets) = (toml("wrangler.toml"), toml(".dev.vars.example"));
    let lookup = |name: &str| secrets.get(name).or(wrangler["vars"].get(name))?.as_str().map(str::to_owned);
    Config::parse(&wrangler["vars"]["SOURCES"], Bindings { dedup: true, events: true, ..Bindings::default() }, &lookup)
        .unwrap()
}

fn read(stream: &mut TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let first = line();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let mut headers = Vec::new();
    while let Some((name, value)) = line().split_once(": ") {
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length: usize = headers.header("content-length").unwrap_or_default().parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { method, path, headers, body }
}

/// As the real gateway may, it records an event late: the second request still counts as new.
fn answer(config: &Config, seen: &mut BTreeMap<(String, String), u8>, request: &Request) -> (u16, String) {
    let name = request.path.strip_prefix("/webhooks/").unwrap_or_default();
    let Some(Ok(source)) = config.source(name) else { return (404, String::new()) };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = UnixTime::from_seconds(i64::try_from(now).unwrap());
    let verified =
        source.verifier.receive(&request.headers).and_then(|received| received.verify(&request.body, now, &Native));
    let Ok(verified) = verified else { return (401, json!({ "title": "Not authentic" }).to_string()) };
    let id = verified.identity().shown().unwrap();
    let times = seen.entry((name.to_owned(), id.clone())).or_default();
    *times = times.saturating_add(1);
    let answer = if *times > 2 {
        json!({ "received": true, "duplicate": true, "id": id })
    } else {
        json!({ "received": true, "id": id })
    };
    (200, answer.to_string())
}

/// Answers as the real API does. Every key is known until it is forgotten.
fn forget(config: &Config, forgotten: &mut BTreeSet<String>, query: &str, request: &Request) -> (u16, String) {
    let problem = |status: u16, title: &str| (status, json!({ "title": title, "status": status }).to_string());
    let known = config.sources().any(|(name, _)| query.starts_with(&format!("source={name}&")));
    match (request.method.as_str(), request.header("authorization")) {
        ("DELETE", Some("Bearer local-admin-token")) if !known => problem(404, "No such source"),
        ("DELETE", Some("Bearer local-admin-token")) if query.ends_with('=') => problem(422, "The id is empty"),
        ("DELETE", Some("Bearer local-admin-token")) => {
            (200, json!({ "forgotten": forgotten.insert(query.to_owned()) }).to_string())
        }
        ("DELETE", _) => problem(401, "Not authentic"),
        _ => problem(405, "Only DELETE"),
    }
}
