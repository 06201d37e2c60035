//! A source names the secret that proved a request, and never shows its value.

use hookgate::config::{Bindings, Config};
use hookgate_verify::native::Native;
use hookgate_verify::{Secret, SignInput, UnixTime, presets, sign};
use serde_json::json;

const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);
const NAMES: [&str; 4] = ["FIRST_SECRET", "SECOND_SECRET", "THIRD_SECRET", "FOURTH_SECRET"];

fn value(name: &str) -> String {
    format!("the value of {name}")
}

#[test]
fn a_proof_has_the_name_of_its_secret() {
    let sources = json!({ "billing": { "provider": "stripe", "secrets": NAMES } });
    let lookup = |name: &str| match name {
        "ORIGIN" => Some("https://origin.example/".to_owned()),
        name => NAMES.contains(&name).then(|| value(name)),
    };
    let config = Config::parse(&sources, Bindings::ALL, &lookup).unwrap();
    let source = config.source("billing").unwrap().unwrap();
    assert_eq!(source.secrets, NAMES);
    let preset = presets::find("stripe").unwrap();
    for name in NAMES {
        let text = value(name);
        let key = Secret::new(&*text).unwrap().key(preset.scheme.algorithm, &preset.scheme.secret).unwrap();
        let body = br#"{"id":"evt_1","type":"invoice.paid"}"#;
        let input = SignInput { variant: 0, id: "", now: NOW, url: "", account: "", body };
        let headers = sign(&preset, &key, &text, input).unwrap().into_headers();
        let verified = source.verifier.receive(&headers).unwrap().verify(body, NOW, &Native).unwrap();
        assert_eq!(source.matched_secret(&verified), Some(name));
        assert!(!format!("{source:?} {verified:?}").contains("the value of"));
    }
}
