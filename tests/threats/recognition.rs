//! The threat model's rows on identity, provider by provider: when two requests are one event, and the type of an event.

use crate::*;
use hookgate::dedup::DedupKey;
use hookgate_verify::{EventId, EventTypes, SignInput, TypesFound, sign};

fn own(scheme: Value) -> Verifier {
    crate::own(&scheme).unwrap_or_else(|error| panic!("{error}"))
}

/// The identity and types that `verifier` reads from `body`, with unsigned `headers` beside the signed ones.
fn at(verifier: &Verifier, headers: &[(&str, &str)], body: &str) -> Facts {
    let key = verifier.current_key().unwrap();
    let delivery = SignInput { variant: 0, id: "", now: NOW, url: "", account: "", body: body.as_bytes() };
    let signed = sign(verifier.preset(), key, SEED, delivery).expect("signed").into_headers();
    let unsigned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let head: Headers = signed.into_iter().chain(unsigned).collect();
    let verified = verifier.receive(&head).unwrap().verify(body.as_bytes(), NOW, &Native).expect("authentic");
    Facts { identity: verified.identity().clone(), types: verified.event_types().clone() }
}

struct Facts {
    identity: Identity,
    types: EventTypes,
}

fn preset(name: &str) -> Verifier {
    case(name).verifier(&[SEED])
}

fn key(identity: &Identity) -> Option<DedupKey> {
    let config = configured(&json!({ "provider": "generic", "secrets": ["SECRET"] }), SEED);
    DedupKey::new(&config.source("s").unwrap().unwrap().name, identity)
}

#[test]
fn an_integer_and_a_text_with_its_digits_are_two_ids() {
    let verifier = own(json!({ "signature": { "header": "x-s" }, "id": { "json": "id" } }));
    let integer = at(&verifier, &[], r#"{"id":5}"#).identity;
    let text = at(&verifier, &[], r#"{"id":"5"}"#).identity;
    assert_ne!(key(&integer), key(&text));
    assert_eq!((integer.shown(), text.shown()), (Some("5".to_owned()), Some("5".to_owned())), "both are shown alike");
}

#[test]
fn the_key_of_a_text_id_never_changes_between_versions() {
    // From Python: SHA-256 over the lengths and texts of "s", "signed id" and "evt_1".
    let known = "9f1cfc0df28e41afa6d27da97e01f0fbc5232b6783a6c8a9bf3e8b236b36b23d";
    assert_eq!(key(&Identity::signed("evt_1")).unwrap().to_string(), known);
}

#[test]
fn an_unsigned_topic_splits_equal_bytes_and_never_merges_others() {
    let woo = preset("woocommerce");
    let topic = |topic| [("x-wc-webhook-topic", topic)];
    let body = r#"{"id":1,"date_modified":"2026-01-15T12:00:00"}"#;
    let created = at(&woo, &topic("order.created"), body).identity;
    assert_ne!(
        created,
        at(&woo, &topic("order.updated"), body).identity,
        "WooCommerce sends both with the same payload"
    );
    assert_eq!(created, at(&woo, &topic("order.created"), body).identity, "a retry");
    assert_ne!(created, at(&woo, &topic("order.created"), &body.replace("12:00", "12:01")).identity);
    assert_eq!(created.provenance(), "body digest and unsigned header");
    assert_ne!(created.shown(), at(&woo, &topic("order.updated"), body).identity.shown(), "they are two CloudEvents");
    // The bound between the digest and the topic cannot move.
    let keys = [&created, &at(&woo, &topic("order.created\u{0}"), body).identity].map(key);
    assert_ne!(keys[0], keys[1]);
    assert_eq!(at(&woo, &[], body).identity, Identity::None, "without a topic, two events look alike");
}

#[test]
fn an_event_whose_bytes_may_repeat_has_no_identity() {
    let folder = r#"{"event":"folderUpdated","folder_id":"1","webhook_id":"w"}"#;
    let task = r#"{"event":"taskUpdated","history_items":[{"id":"h1"}],"task_id":"t"}"#;
    assert_eq!(at(&preset("clickup"), &[], folder).identity, Identity::None);
    assert_eq!(at(&preset("clickup"), &[], task).identity, Identity::signed("h1"));
    assert_eq!(key(&Identity::None), None, "without a key, nothing is claimed");
    let action = r#"{"action":"woocommerce_add_to_cart","arg":"a"}"#;
    assert_eq!(at(&preset("woocommerce"), &[("x-wc-webhook-topic", "action.x")], action).identity, Identity::None);
    let failed = r#"{"event":"customeridentification.failed","data":{"customer_id":1}}"#;
    assert_eq!(at(&preset("paystack"), &[], failed).identity, Identity::None);
    let paid = r#"{"event":"charge.success","data":{"id":1}}"#;
    assert_eq!(at(&preset("paystack"), &[], paid).identity, Identity::of_body(paid.as_bytes()));
}

#[test]
fn notifications_of_a_drive_are_all_new_and_an_id_identifies_other_notifications() {
    let graph = preset("ms_graph");
    let identity = |body: &str| {
        let verified =
            graph.receive(&Headers::new()).unwrap().verify(body.as_bytes(), NOW, &Native).expect("authentic");
        verified.identity().clone()
    };
    let drive = format!(r#"{{"value":[{{"subscriptionId":"s","clientState":"{SEED}","resource":"me/drive/root"}}]}}"#);
    assert_eq!(identity(&drive), Identity::None);
    let named = drive.replace("\"resource\"", "\"id\":\"n1\",\"resource\"");
    assert_eq!(identity(&named), Identity::UnsignedId("n1".into()), "the token proves only the sender");
}

#[test]
fn an_id_counts_only_beside_the_member_that_makes_it_the_id_of_the_event() {
    let zendesk = preset("zendesk");
    let event = r#"{"id":"e1","type":"zen:event-type:ticket.created","zendesk_event_version":"2022-06-20"}"#;
    assert_eq!(at(&zendesk, &[], event).identity, Identity::signed("e1"));
    // The body of a trigger. Its id is the ticket's: the ticket is solved, then reopened.
    let [solved, reopened] = ["solved", "open"]
        .map(|status| at(&zendesk, &[], &format!(r#"{{"id":"35436","status":"{status}"}}"#)).identity);
    assert_ne!(solved, reopened);
    assert_eq!(solved.provenance(), "signed content");
    let null = r#"{"id":"35436","zendesk_event_version":null}"#;
    assert_eq!(at(&zendesk, &[], null).identity.provenance(), "signed content");
}

#[test]
fn an_identity_from_the_signed_content_includes_the_time() {
    let case = case("zendesk");
    let body = br#"{"id":"35436","status":"solved"}"#;
    let identity = |now| {
        let headers = case.sign(SEED, "", now, body).unwrap();
        case.verify(SEED, &headers, body, NOW).expect("authentic").identity().clone()
    };
    assert_eq!(identity(NOW), identity(NOW), "the same request again");
    assert_ne!(identity(NOW), identity(UnixTime::from_seconds(NOW.seconds() - 1)), "sent at another time");
}

#[test]
fn another_count_of_attempts_makes_no_new_event() {
    let line = |redelivery: bool, ids: &[&str]| {
        let event = |id: &&str| {
            format!(r#"{{"webhookEventId":"{id}","deliveryContext":{{"isRedelivery":{redelivery}}},"type":"message"}}"#)
        };
        let events: Vec<String> = ids.iter().map(event).collect();
        at(&preset("line"), &[], &format!(r#"{{"events":[{}]}}"#, events.join(","))).identity
    };
    assert_eq!(line(false, &["e1"]), line(true, &["e1"]));
    assert_eq!(line(false, &["e1"]), Identity::signed("e1"));
    assert_eq!(line(false, &["e1", "e2"]), line(true, &["e1", "e2"]), "a batch");
    assert_ne!(line(false, &["e1", "e2"]), line(true, &["e1", "e3"]));
    let hubspot = |attempt, event| {
        let body = format!(r#"[{{"eventId":{event},"occurredAt":1,"attemptNumber":{attempt}}}]"#);
        at(&preset("hubspot_v3"), &[], &body).identity
    };
    assert_eq!(hubspot(0, 1), hubspot(1, 1));
    assert_ne!(hubspot(0, 1), hubspot(0, 2));
    assert_eq!(hubspot(0, 1).provenance(), "body digest without members");
    let twice = r#"[{"eventId":1,"attemptNumber":0,"attemptNumber":1}]"#;
    assert_eq!(at(&preset("hubspot_v3"), &[], twice).identity, Identity::of_body(twice.as_bytes()), "ambiguous");
}

#[test]
fn an_unsigned_id_counts_only_if_the_scheme_proves_only_the_sender() {
    let gitlab = preset("gitlab_token");
    assert_eq!(at(&gitlab, &[("idempotency-key", "k1")], "{}").identity, Identity::UnsignedId("k1".into()));
    assert_eq!(at(&gitlab, &[], "{}").identity, Identity::None, "before GitLab 17.4");
    let signed = json!({ "signature": { "header": "x-s" }, "id": { "header": "idempotency-key" } });
    let error = crate::own(&signed).expect_err("an attacker could choose the id").to_string();
    assert!(error.contains("does not cover idempotency-key"), "{error}");
}

#[test]
fn an_own_scheme_of_an_earlier_version_keeps_its_identities() {
    let body = r#"{"type":"a"}"#;
    let unstated = own(json!({ "signature": { "header": "x-s" } }));
    assert_eq!(at(&unstated, &[], body).identity, Identity::of_body(body.as_bytes()));
    let with_id = json!({ "signature": { "header": "x-s" }, "id": { "json": "id", "missing": "digest" } });
    assert_eq!(at(&own(with_id), &[], body).identity, Identity::of_body(body.as_bytes()));
    let repeats = own(json!({ "signature": { "header": "x-s" }, "repeats": true }));
    assert_eq!(at(&repeats, &[], body).identity, Identity::None);
}

#[test]
fn an_unreadable_type_is_not_an_absent_type() {
    let own = own(json!({ "signature": { "header": "x-s" }, "type": { "json": "[].event" }, "identity": "none" }));
    let types = |body: &str| at(&own, &[], body).types;
    let named = |names: &[&str]| TypesFound::Named(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(
        types(r#"[{"event":"bounce"},{"event":"dropped"},{"event":"bounce"}]"#).found,
        named(&["bounce", "dropped"])
    );
    assert_eq!(types(r#"[{"event":1}]"#).found, named(&["1"]), "an integer may be a type");
    assert_eq!(types("[{},[]]").found, TypesFound::Unreadable("another value is on the way to it"));
    assert_eq!(types("[{}]").found, TypesFound::Absent);
    assert_eq!(types("[]").found, TypesFound::Absent);
    let too_long = format!(r#"[{{"event":"{}"}}]"#, "x".repeat(257));
    for body in [
        "\u{feff}[]", "[{\"event\":", "event=bounce", "", r#"[{"event":"a"},{"event":{}}]"#, r#"{"event":"a"}"#,
        &too_long,
    ] {
        assert!(types(body).are_unreadable(), "{body}: {:?}", types(body));
    }
    let joined = |count: usize| {
        let events: Vec<String> = (0..count).map(|number| format!(r#"{{"event":"type-{number:03}"}}"#)).collect();
        types(&format!("[{}]", events.join(",")))
    };
    let shown = joined(100).shown().unwrap();
    assert!(shown.starts_with("type-000,type-001,") && shown.len() <= 256 && shown.ends_with("type-027"), "{shown}");
    assert!(joined(101).are_unreadable());
}

#[test]
fn an_unsigned_type_is_marked_as_unsigned() {
    let github = preset("github");
    let unsigned = at(&github, &[("x-github-event", "push")], "{}").types;
    assert_eq!(unsigned.unsigned.as_deref(), Some("x-github-event"));
    assert!(at(&github, &[], "{}").types.are_unreadable(), "GitHub always sends the header: somebody removed it");
    assert_eq!(at(&preset("linkedin"), &[], "{}").types.found, TypesFound::Absent, "this provider sends no type");
    assert_eq!(at(&preset("calcom"), &[], r#"{"triggerEvent":"x"}"#).types.unsigned, None);
}

#[test]
fn every_identity_can_be_found_by_its_shown_text() {
    let woo = preset("woocommerce");
    let body = r#"{"date_modified":"x"}"#;
    for identity in [
        Identity::signed("evt_1"),
        Identity::SignedId(EventId::Integer("5".to_owned())),
        Identity::UnsignedId("n1".into()),
        Identity::of_body(b"{}"),
        at(&woo, &[("x-wc-webhook-topic", "order.created")], body).identity,
        at(&preset("hubspot_v3"), &[], r#"[{"attemptNumber":1}]"#).identity,
        at(&preset("zendesk"), &[], "{}").identity,
    ] {
        let shown = identity.shown().expect("an id");
        assert!(Identity::shown_as(&shown).contains(&identity), "{identity:?}: an operator could not delete its key");
    }
}

#[test]
fn an_unusable_id_is_refused_if_the_provider_always_sends_an_id() {
    let mut seen = 0;
    for case in every_variant() {
        let IdLocation::Json { path, missing: WithoutId::Refuse, when: None } = &case.scheme().id else { continue };
        let [Step::Key(key)] = path.steps() else { panic!("{path}") };
        for (id, problem) in [
            ("", "missing"),
            ("\"\"", "empty"),
            ("null", "null"),
            ("true", "a boolean"),
            ("[\"a\"]", "an array"),
            ("{\"id\":\"a\"}", "an object"),
            ("1.5", "a number, but no integer"),
            ("1e3", "a number, but no integer"),
        ] {
            let mut body = case.body("removed", NOW, "a.type", Map::new());
            let object = body.as_object_mut().unwrap();
            object.remove(key);
            object.extend(serde_json::from_str(id).ok().map(|id| (key.clone(), id)));
            let body = body.to_string().into_bytes();
            let error = case.verify(SEED, &signed(&case, &body), &body, NOW).expect_err(problem);
            assert_eq!(error, VerifyError::IdUnreadable { place: format!("$.{key}"), problem });
            assert!(error.is_authentic(), "the answer is 422, not 401");
        }
        seen += 1;
    }
    assert!(seen >= 3, "generic, RelayBox, Stripe");
}
