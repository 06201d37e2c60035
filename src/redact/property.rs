//! Random bodies: a generator writes each body together with its redacted form, so that every byte is compared.

#![allow(clippy::arithmetic_side_effects)]

use super::{BodyPart, RedactedBody, Redactions};

/// No other text of a generated body contains this.
const SECRET: &str = "4111";
const NAMES: [&str; 5] = ["a", "card", "a b", "é", ""];

/// A step of a rule, in the generator's own words: a name, a place, or all.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Name(usize),
    Place(usize),
    All,
}

struct Generator {
    random: u64,
    body: String,
    redacted: String,
    values: usize,
}

impl Generator {
    /// A number below `limit`: xorshift64.
    fn below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).expect("31 bits") % limit
    }

    fn rule(&mut self) -> Vec<Wanted> {
        let steps = 1 + self.below(3);
        let step = |generator: &mut Self| match generator.below(6) {
            0 => Wanted::All,
            1 => Wanted::Place(generator.below(3)),
            _ => Wanted::Name(generator.below(NAMES.len())),
        };
        (0..steps).map(|_| step(self)).collect()
    }

    /// Writes text that stays.
    fn keep(&mut self, text: &str) {
        self.body.push_str(text);
        self.redacted.push_str(text);
    }

    fn blanks(&mut self) {
        let blanks = ["", "", " ", "\n\t", "\r "][self.below(5)];
        self.keep(blanks);
    }

    /// A name in quotes, with some of its characters escaped.
    fn name(&mut self, name: &str) {
        self.keep("\"");
        for letter in name.chars() {
            match self.below(3) {
                0 => self.keep(&format!("\\u{:04X}", u32::from(letter))),
                _ => self.keep(&letter.to_string()),
            }
        }
        self.keep("\"");
    }

    fn scalar(&mut self, text: &str) -> String {
        match self.below(4) {
            0 => format!("-{text}.0e-1"),
            1 => format!("\"\\\\\\\"{text}]}}\\u0022,\""),
            2 => format!("\"{text}é\""),
            _ => text.to_owned(),
        }
    }

    /// Writes a value. `wanted` are the rests of the rules that lead here.
    fn value(&mut self, depth: usize, wanted: &[&[Wanted]]) {
        if wanted.iter().any(|rest| rest.is_empty()) {
            self.values += 1;
            let kept = self.redacted.clone();
            self.anything(depth, &[], SECRET);
            self.redacted = kept + "\"[redacted]\"";
        } else {
            self.anything(depth, wanted, "77");
        }
    }

    fn anything(&mut self, depth: usize, wanted: &[&[Wanted]], scalar: &str) {
        let through = |leads: &dyn Fn(Wanted) -> bool| -> Vec<&[Wanted]> {
            wanted.iter().filter(|rest| leads(rest[0])).map(|rest| &rest[1..]).collect()
        };
        let size = self.below(4);
        let within = |generator: &mut Self, rest: &[&[Wanted]]| match scalar {
            SECRET => generator.anything(depth + 1, rest, SECRET),
            _ => generator.value(depth + 1, rest),
        };
        match self.below(if depth == 0 { 2 } else { 2 + depth }) {
            0 => {
                self.keep("{");
                self.blanks();
                for place in 0..size {
                    self.keep(if place == 0 { "" } else { "," });
                    self.blanks();
                    let name = self.below(NAMES.len());
                    self.name(NAMES[name]);
                    self.blanks();
                    self.keep(":");
                    self.blanks();
                    within(self, &through(&|step| step == Wanted::Name(name) || step == Wanted::All));
                    self.blanks();
                }
                self.keep("}");
            }
            1 => {
                self.keep("[");
                self.blanks();
                for place in 0..size {
                    self.keep(if place == 0 { "" } else { "," });
                    self.blanks();
                    within(self, &through(&|step| step == Wanted::Place(place) || step == Wanted::All));
                    self.blanks();
                }
                self.keep("]");
            }
            _ => {
                let text = self.scalar(scalar);
                self.keep(&text);
            }
        }
    }
}

fn written(rule: &[Wanted]) -> String {
    let step = |step: &Wanted| match step {
        Wanted::Name(name) => format!("['{}']", NAMES[*name]),
        Wanted::Place(place) => format!("[{place}]"),
        Wanted::All => "[*]".to_owned(),
    };
    format!("${}", rule.iter().map(step).collect::<String>())
}

#[test]
fn the_redacted_body_is_exact_in_every_byte() {
    let (mut redacted, mut exact) = (0, 0);
    for seed in 1..=20_000_u64 {
        let mut generator = Generator {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            body: String::new(),
            redacted: String::new(),
            values: 0,
        };
        let rules: Vec<_> = (0..=generator.below(4)).map(|_| generator.rule()).collect();
        generator.blanks();
        generator.value(0, &rules.iter().map(Vec::as_slice).collect::<Vec<_>>());
        generator.blanks();
        let texts: Vec<String> = rules.iter().map(|rule| written(rule)).collect();
        let redactions = Redactions::parse(&texts.iter().map(String::as_str).collect::<Vec<_>>()).expect("rules");
        let kept = redactions.body(BodyPart::Whole(generator.body.as_bytes()));
        let about = format!("seed {seed}: {texts:?}\n{}", generator.body);
        let text = std::str::from_utf8(kept.bytes().expect(&about)).expect("UTF-8");
        assert_eq!(text, generator.redacted, "{about}");
        assert!(!text.contains(SECRET), "{about}");
        serde_json::from_str::<serde::de::IgnoredAny>(text).expect(&about);
        match &kept {
            RedactedBody::Redacted { values, .. } => {
                assert_eq!(*values, generator.values, "{about}");
                redacted += 1;
            }
            _ => {
                assert_eq!(generator.values, 0, "{about}");
                exact += 1;
            }
        }
        // A second redaction finds nothing new.
        assert_eq!(redactions.body(BodyPart::Whole(text.as_bytes())).bytes(), Some(text.as_bytes()), "{about}");
    }
    assert!(redacted > 2000 && exact > 2000, "{redacted} redacted, {exact} exact");
}
